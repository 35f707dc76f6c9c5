"""What leaves a host of its trees: drift, texts for a diff, the live tree, nginx's words."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Problem
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.disclosure import DisclosedTree, secrets_in
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.difference import difference
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import confirm, push

NewHost = Callable[..., SimulatedHost]

KEY = "-----BEGIN PRIVATE KEY-----\nS3CR3T\n-----END PRIVATE KEY-----\n"
ROWS = "ann:{PLAIN}S3CR3T\n"


def _write(folder: Path, files: dict[str, tuple[str, int]]) -> None:
    for name, (text, mode) in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(mode)


# What somebody does on a host, by a file before and after; the second is None where it is gone.
CHANGES: dict[str, tuple[dict[str, tuple[str, int]], dict[str, tuple[str, int]]]] = {
    "a key is renewed": ({"ssl/a.key": (KEY, 0o600)}, {"ssl/a.key": (KEY.replace("S3CR3T", "S3CR3T-2"), 0o600)}),
    "a key is new": ({}, {"new": (KEY, 0o644)}),
    "a key becomes something else": ({"a": (KEY, 0o644)}, {"a": ("nothing\n", 0o644)}),
    "a user is added": ({"users": (ROWS, 0o644)}, {"users": (ROWS + "bob:{SSHA}S3CR3TXX\n", 0o644)}),
    "a copy of what a directive names": (
        {"nginx.conf": ("auth_basic_user_file u;\n", 0o644), "u": ("S3CR3T of its own form\n", 0o644)},
        {"u.bak": ("S3CR3T of its own form\n", 0o644)},
    ),
    "the directive is gone": (
        {"nginx.conf": ("auth_basic_user_file u;\n", 0o644), "u": ("S3CR3T\n", 0o644)},
        {"nginx.conf": ("# none\n", 0o644), "u": ("S3CR3T-2\n", 0o644)},
    ),
    "a closed map": ({"keys.map": ("x S3CR3T;\n", 0o600)}, {"keys.map": ("x S3CR3T-2;\n", 0o600)}),
    "a closed map is opened": ({"keys.map": ("x S3CR3T;\n", 0o600)}, {"keys.map": ("x S3CR3T-2;\n", 0o644)}),
    "a token": (
        {"a.conf": ('set $api_token "S3CR3T";\n', 0o644)}, {"a.conf": ('set $api_token "S3CR3T-2";\n', 0o644)},
    ),
    "a token behind its directive": (
        {"a.conf": ("proxy_set_header Authorization\n  'Bearer S3CR3T';\n", 0o644)},
        {"a.conf": ("proxy_set_header Authorization\n  'Bearer S3CR3T-2';\n", 0o644)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", CHANGES)
def test_drift_shows_that_a_secret_has_changed_and_not_the_secret(new_host: NewHost, story: str) -> None:
    before, after = CHANGES[story]
    host = new_host()
    _write(host.layout.conf, before)
    push(host, "r1", "one")
    host.ask_engine("rollback", "r1")
    _write(host.layout.conf, after)
    status = host.ask_engine("status", "visitor")
    assert set(status["drift"]) >= after.keys() - before.keys()
    preflight = host.ask_engine("preflight", "r2", release=release("one").id, drift="refuse", want_tree=True)
    refused = push(host, "r2", "one", drift="refuse")
    for answer in (status, preflight, refused, host.ask_engine("status", "visitor")):
        assert "S3CR3T" not in json.dumps(answer)
    diff = status["drift_diff"]
    for name in after:
        assert f"+++ live/{name}\n" in diff
    assert ", and not shown: " in diff or "…redacted…" in diff


@pytest.mark.parametrize("story", CHANGES)
def test_a_live_tree_is_sent_without_files_that_are_secret(new_host: NewHost, story: str) -> None:
    files, more = CHANGES[story]
    host = new_host()
    _write(host.layout.conf, files)
    push(host, "r1", "one")
    host.ask_engine("rollback", "r1")
    _write(host.layout.conf, more)
    answer = host.ask_engine("probe", "r1")
    sent = gzip.decompress(base64.b64decode(answer["tree"]))
    # Lines of configurations are what the gates compare.
    assert (b"S3CR3T" in sent) == any(name.endswith(".conf") and "S3CR3T" in text for name, (text, _) in more.items())


def test_an_include_that_is_closed_is_sent_empty(new_host: NewHost) -> None:
    host = new_host()
    _write(host.layout.conf, {"nginx.conf": ("include keys.map;\n", 0o644), "keys.map": ("x S3CR3T;\n", 0o600)})
    answer = host.ask_engine("probe", "r1")
    sent = gzip.decompress(base64.b64decode(answer["tree"]))
    assert answer["withheld"] == ["keys.map"]
    assert b"keys.map\0" in sent
    assert b"S3CR3T" not in sent


def test_a_mode_that_was_changed_is_drift_that_says_so(new_host: NewHost) -> None:
    host = new_host()
    push(host, "r1", "one")
    confirm(host, "r1", "one")
    (host.layout.conf / "nginx.conf").chmod(0o666)
    status = host.ask_engine("status", "visitor")
    assert status["drift"] == ["nginx.conf"]
    assert "(the mode was 0644 and is 0666)" in status["drift_diff"]


def test_nginx_quotes_no_secret() -> None:
    said = Problem("nginx refuses", nginx='invalid URL prefix in "http://a:S3CR3T@b"\nsecond line').to_json()
    assert said["nginx"] == 'invalid URL prefix in "http://…redacted…@b"\nsecond line'


def _differences(host: SimulatedHost, tree: Path) -> str:
    answer: dict[str, Any] = host.ask_engine("preflight", "r1", release="a" * 64, want_tree=True)
    return difference(answer["tree"], answer["digests"], tree)


@pytest.mark.parametrize("story", CHANGES)
def test_a_diff_has_no_secret_of_either_side(new_host: NewHost, tmp_path: Path, story: str) -> None:
    before, after = CHANGES[story]
    for one, other in ((before, after), (after, before)):
        host = new_host()
        _write(host.layout.conf, one)
        tree = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        tree.mkdir()
        _write(tree, {"nginx.conf": ("events {}\n", 0o644), **before, **other})
        told = _differences(host, tree)
        assert "S3CR3T" not in told
        for name in other:
            if one.get(name, ("", 0))[0] != other[name][0]:
                assert f"+++ release/{name}\n" in told


def test_a_diff_says_nothing_of_secrets_that_stay_as_they_are(new_host: NewHost, tmp_path: Path) -> None:
    host = new_host()
    files = {"nginx.conf": ('set $token "S3CR3T";\nuser a;\n', 0o644), "a.key": (KEY, 0o600), "k": ("x\n", 0o600)}
    _write(host.layout.conf, files)
    _write(tmp_path, {**files, "nginx.conf": ('set $token "S3CR3T";\nuser b;\n', 0o644)})
    told = _differences(host, tmp_path)
    assert "-user a;\n+user b;\n" in told
    assert "live/a.key" not in told
    assert "live/k\n" not in told


def test_rows_of_a_secret_map_that_are_included_are_not_shown_and_are_sent() -> None:
    files = {
        "nginx.conf": b"http { map $http_x_api_key $ok { include keys.map; } }",
        "keys.map": b"hunter-and-more 1;\n",
    }
    side = DisclosedTree(files, {}, dict.fromkeys(files, 0o644))
    assert secrets_in("/etc/nginx", side) == {"keys.map"}
    assert secrets_in("/etc/nginx", side, shown=False) == set()
