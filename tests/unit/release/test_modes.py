"""Who may read the files of a release: three kinds, and the same ones from any checkout."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.manifest import release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore

KEY = "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n"
CONF = "events {}\nhttp { include conf.d/*.conf; }\n"


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def _laid(folder: Path, files: dict[str, str], closed: tuple[str, ...] = ()) -> dict[str, int]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in closed:
        (folder / name).chmod(stat.S_IMODE((folder / name).stat().st_mode) & 0o700)
    laid = trees.overlay(trees.read_layer(folder, "files"))
    return {path: node.mode for path, node in laid.items() if node.kind == "file"}


def _conf(text: str) -> dict[str, str]:
    return {"nginx.conf": CONF, "mime.types": "types {}\n", "conf.d/a.conf": text}


@pytest.mark.parametrize(
    ("text", "files", "modes"),
    [
        (
            "ssl_certificate s/a.pem; ssl_certificate_key s/a.key;",
            {"s/a.pem": "PEM", "s/a.key": KEY},
            {"s/a.pem": 0o644, "s/a.key": 0o600},
        ),
        ("proxy_ssl_certificate_key s/a.key;", {"s/a.key": "of an unknown form"}, {"s/a.key": 0o600}),
        ("ssl_password_file p; ssl_session_ticket_key t;", {"p": "x", "t": "y"}, {"p": 0o600, "t": 0o600}),
        # Workers read it, for each connection.
        ("ssl_certificate_key s/$ssl_server_name.key;", {"s/a.key": KEY}, {"s/a.key": 0o640}),
        ("auth_basic_user_file users;", {"users": "of an unknown form"}, {"users": 0o640}),
        ("auth_jwt_key_file keys.json;", {"keys.json": "{}"}, {"keys.json": 0o640}),
        ("ssl_certificate_key both; auth_basic_user_file both;", {"both": "x"}, {"both": 0o640}),
        # A key and its certificate in one file.
        ("ssl_certificate a.pem; ssl_certificate_key a.pem;", {"a.pem": "CERT" + KEY}, {"a.pem": 0o600}),
        # Nobody names it here: a template, a vault or an include outside may.
        ("", {"users": "ann:$apr1$abc$defghijklmnop\n", "old/a": KEY}, {"users": 0o640, "old/a": 0o640}),
        ("", {"snippets/x.conf": "# nothing\n"}, {"snippets/x.conf": 0o644}),
    ],
)
def test_what_is_secret_is_closed_whatever_its_mode_is(
    tmp_path: Path, umask: Callable[[int], int], text: str, files: dict[str, str], modes: dict[str, int]
) -> None:
    found = _laid(tmp_path, {**_conf(text), **files})
    assert {path: found[path] for path in modes} == modes
    assert found["nginx.conf"] == 0o644


def test_a_file_that_somebody_has_closed_stays_closed(tmp_path: Path, umask: Callable[[int], int]) -> None:
    files = {**_conf("include keys.map;"), "keys.map": "a b;\n", "run.sh": "#!/bin/sh\n"}
    (tmp_path / "run.sh").touch(0o700)
    found = _laid(tmp_path, files, closed=("keys.map", "run.sh"))
    assert (found["keys.map"], found["run.sh"], found["conf.d/a.conf"]) == (0o640, 0o750, 0o644)


def test_a_file_in_a_folder_that_somebody_has_closed_stays_closed(tmp_path: Path, umask: Callable[[int], int]) -> None:
    found = _laid(tmp_path, {**_conf(""), "private/keys.map": "a b;\n"}, closed=("private",))
    assert (found["private/keys.map"], found["nginx.conf"]) == (0o640, 0o644)


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o027, 0o077])
def test_the_umask_of_a_checkout_changes_no_id(tmp_path: Path, umask: Callable[[int], int], mask: int) -> None:
    files = {**_conf("auth_basic_user_file users;"), "users": "x\n", "a.key": KEY}
    found = {}
    for name, each in (("usual", 0o022), ("other", mask)):
        umask(each)
        _laid(tmp_path / name, files)
        found[name] = release_id(trees.manifest(trees.overlay(trees.read_layer(tmp_path / name, "files"))))
    assert found["usual"] == found["other"]


def test_a_secret_that_a_template_brings_is_closed() -> None:
    node = trees.file(b"ann:{SSHA}ZGVmZ2hpamtsbW5v\n", "users.j2")
    assert trees.overlay({"users": node})["users"].mode == 0o640


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_store_is_its_owners_alone(tmp_path: Path, umask: Callable[[int], int], mask: int) -> None:
    umask(mask)
    tree = trees.overlay({"nginx.conf": trees.file(b"events {}\n", "x"), "a.key": trees.file(KEY.encode(), "x")})
    release = ReleaseStore(tmp_path / "releases").add(tree, [], [], {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (release.root, *release.root.iterdir())}
    assert modes.pop(release.id) == 0o700
    assert modes == {"tree": 0o755, "bundle.tar.gz": 0o600, "release.json": 0o600}
    assert stat.S_IMODE((release.tree / "a.key").stat().st_mode) == 0o640
    assert stat.S_IMODE((release.tree / "nginx.conf").stat().st_mode) == 0o644
