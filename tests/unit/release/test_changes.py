from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.stored_releases import stored_releases
from ansible_collections.sluice.nginx.plugins.module_utils.release.changes import MOST_LINES, changes, compare
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release

KEY = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n"


def _tree(root: Path, files: dict[str, str | bytes | None]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.symlink_to("../sites-available/x")
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    root.mkdir(exist_ok=True)
    return root


def _release(root: Path, files: dict[str, Any], **described: Any) -> Release:
    _tree(root / "tree", files)
    (root / "release.json").write_text(json.dumps({"origins": {}, **described}))
    return Release(root.name * 64, root)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": "x\n"}, {"a": "x\n"}, {}),
        ({"a": "x\ny\n"}, {"a": "x\nz\n"}, {"a": "--- live/a\n+++ release/a\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n"}),
        ({}, {"b/c": "x\n"}, {"b/c": "--- /dev/null\n+++ release/b/c\n@@ -0,0 +1 @@\n+x\n"}),
        ({"a": "x\n"}, {}, {"a": "--- live/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"}),
        ({"a": "x"}, {"a": "x\n"}, {"a": "(changed: an empty file, or only the end of a line differs)\n"}),
        ({"a": b"\0\1"}, {"a": b"\0\2"}, {"a": "(changed; it is no text)\n"}),
        ({}, {"s/x": None}, {"s/x": "--- /dev/null\n+++ release/s/x\n@@ -0,0 +1 @@\n+→ ../sites-available/x\n"}),
        ({}, {"a": "x" * 1_100_000}, {"a": "(added; too large to compare: 1074 KiB)\n"}),
        ({}, {"k.pem": KEY}, {"k.pem": "(added, and not shown: it is a key, a certificate or a list of passwords)\n"}),
    ],
)
def test_trees_are_compared_file_by_file(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], told: dict[str, str]
) -> None:
    assert dict(compare(_tree(tmp_path / "old", before), _tree(tmp_path / "new", after))) == told


def test_what_the_host_withheld_is_no_change(tmp_path: Path) -> None:
    live = _release(tmp_path / "a", {"nginx.conf": "x\n"}, withheld=["k.pem"])
    made = _release(tmp_path / "b", {"nginx.conf": "y\n", "k.pem": KEY}, origins={"nginx.conf": "files/nginx.conf"})
    (change,) = changes(live, made)
    assert (change["file"], change["origin"]) == ("nginx.conf", "files/nginx.conf")
    assert changes(None, made) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('proxy_set_header Authorization "Bearer abc";', "proxy_set_header Authorization"),
        ("location /x { set $backend_token abc; }", "location /x { set $backend_token"),
        ("fastcgi_param DB_PASSWORD abc;  # why", "fastcgi_param DB_PASSWORD"),
        ('secure_link_md5 "$uri abc";', 'secure_link_md5 "$uri'),
        ('if ($http_x_token != "abc") { return 403; }', "if ($http_x_token !="),
        ("return 301 http://shop.example/?sig=abc;", "return 301 http://shop.example/?sig="),
        ('map $http_x_api_key $who {\n"abc" acme;\n}', "acme"),
        ("location /token { return 200 abc; }", "location /token { return 200 abc; }"),
        ("proxy_set_header Host abc;", "proxy_set_header Host abc;"),
    ],
)
def test_a_value_that_is_secret_is_not_shown_and_its_line_is(tmp_path: Path, line: str, shown: str) -> None:
    before, after = (f"{line.replace('abc', each)}\n" for each in ("K0-0LD-V4LUE", "K0-N3W-V4LUE"))
    ((_, told),) = compare(_tree(tmp_path / "old", {"a": before}), _tree(tmp_path / "new", {"a": after}))
    assert shown.replace("abc", "K0-N3W-V4LUE") in told
    for value in ("K0-0LD-V4LUE", "K0-N3W-V4LUE"):
        assert (value in told) == ("abc" in shown)


def test_a_huge_change_is_cut_and_says_so(tmp_path: Path) -> None:
    lines = "".join(f"line {n}\n" for n in range(MOST_LINES + 50))
    files: dict[str, str | bytes | None] = {f"{n:02}.conf": lines for n in range(12)}
    told = dict(compare(_tree(tmp_path / "old", {}), _tree(tmp_path / "new", files)))
    assert told["00.conf"].endswith("(left out: 53 more lines)\n")
    assert told["11.conf"] == "(left out: this release changes too much)\n"
    assert sum(diff.count("\n") for diff in told.values()) < MOST_LINES * 11


def test_a_rollback_says_what_it_rolls_back(tmp_path: Path) -> None:
    old = _release(tmp_path / "a", {"nginx.conf": "old\n"})
    new = _release(tmp_path / "b", {"nginx.conf": "new\n"})
    store = {old.id: old, new.id: new}
    answer = {"release": old.id, "live": new.id}
    events = [Event("", "preflight", host, True, answer) for host in ("web1", "web2")]
    events.append(Event("", "preflight", "web3", True, {"release": "c" * 64, "live": None}))
    events.append(Event("", "preflight", "web4", False, {"unreachable_host": True}))
    first, second = stored_releases(events, store.get)
    assert (first["release"], first["live"], first["hosts"]) == (old.id, new.id, ["web1", "web2"])
    assert (first["passed"], first["verdicts"]) == (None, [])
    assert "-new\n+old\n" in first["changes"][0]["diff"]
    assert (second["live"], second["changes"]) == (None, [])


def test_what_hosts_would_not_show_is_not_shown(tmp_path: Path) -> None:
    """A file that is closed, the rows of a secret map, and a copy of what is secret."""
    main = "http { map $http_x_api_key $ok { include keys.map; } include closed.conf; auth_basic_user_file users; }\n"
    for side, secret in (("old", "hunter"), ("new", "hunted")):
        folder = tmp_path / side
        folder.mkdir()
        files = {"nginx.conf": main, "keys.map": f"{secret} 1;\n", "closed.conf": f"# {secret}\n", "users": secret}
        for name, text in {**files, "users.bak": secret, "open.conf": f"# {side}\n"}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600 if name == "closed.conf" else 0o644)
    told = dict(compare(tmp_path / "old", tmp_path / "new"))
    assert set(told) == {"keys.map", "closed.conf", "users", "users.bak", "open.conf"}
    assert not [name for name, diff in told.items() if "hunte" in diff]
    assert "+# new" in told["open.conf"]
