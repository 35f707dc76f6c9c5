"""Live trees of hosts on the controller."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.fetched import (
    find_live,
    is_packaged,
    keep_live,
    known_ids,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Store

NewTree = Callable[..., trees.Tree]
LIVE = "a" * 64


def test_a_fetched_tree_is_kept_under_the_id_that_its_host_gave(tmp_path: Path, tree: NewTree) -> None:
    files = {"nginx.conf": "error_log /var/log/e.log;", "conf.d/a.conf": "", "modules": "-> /usr/lib/nginx/modules"}
    sent = trees.bundle(trees.overlay(tree(files)))
    assert (known_ids(tmp_path), find_live(tmp_path, LIVE)) == ([], None)
    for _ in range(2):
        release = keep_live(tmp_path, LIVE, sent, {"contract": None, "withheld": ["shop.key"]})
    assert (known_ids(tmp_path), find_live(tmp_path, LIVE)) == ([LIVE], release)
    assert (release.tree / "nginx.conf").read_text() == files["nginx.conf"]
    assert (release.tree / "modules").readlink() == Path("/usr/lib/nginx/modules")
    described = release.described
    assert described["facts"]["error_logs"] == ["/var/log/e.log"]
    assert (described["withheld"], described["contract"], described["id"]) == (["shop.key"], None, LIVE)
    assert [path.name for path in (tmp_path / "live").iterdir()] == [LIVE]


def test_one_that_is_not_whole_is_replaced(tmp_path: Path, tree: NewTree) -> None:
    (tmp_path / "live" / LIVE / "tree").mkdir(parents=True)
    keep_live(tmp_path, LIVE, trees.bundle(tree({"nginx.conf": "events {}"})), {})
    assert known_ids(tmp_path) == [LIVE]


def test_a_release_of_the_controller_is_known_as_well(tmp_path: Path, tree: NewTree) -> None:
    made = Store(tmp_path / "releases").add(tree({"nginx.conf": "events {}"}), [], [], {})
    assert known_ids(tmp_path) == [made.id]
    assert find_live(tmp_path, made.id) == made


def _archive(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        if target:
            leading = tarfile.TarInfo(name.partition("/")[0])
            leading.type, leading.linkname = tarfile.SYMTYPE, target
            archive.addfile(leading)
        member = tarfile.TarInfo(name)
        member.type = kind
        archive.addfile(member, io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (_archive("/etc/passwd"), "'/etc/passwd', which is no path in a tree"),
        (_archive("a/../../b"), r"'a/\.\./\.\./b', which is no path in a tree"),
        (_archive("pipe", tarfile.FIFOTYPE), "'pipe', which is neither a file, a directory nor a link"),
        (_archive("out/file", target="/etc"), "out is a link in live and a directory in live"),
        (b"noise", "the live tree that the host sent is damaged"),
    ],
    # An archive has the time in it, and workers must agree on the names of tests.
    ids=["absolute", "upwards", "pipe", "through a link", "noise"],
)
def test_nothing_that_a_host_sends_leads_out_of_the_folder(tmp_path: Path, sent: bytes, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        keep_live(tmp_path, LIVE, sent, {})
    assert list((tmp_path / "live").glob("*")) == []


@pytest.mark.parametrize(
    ("more", "untouched"),
    [
        ({}, True),
        ({"sites-available/default": "edited", "sites-enabled/default": "-> ../sites-available/default"}, True),
        ({"modules-enabled/50-mod-stream.conf": "-> /usr/share/nginx/modules-available/mod-stream.conf"}, True),
        ({"modsecurity.conf": "SecRuleEngine On"}, True),
        ({"modsecurity.conf": "SecRuleEngine Off"}, False),
        ({"conf.d/shop.conf": "server {}"}, False),
        ({"nginx.conf": "events { }"}, False),
        ({"sites-enabled/shop": "-> ../sites-available/shop"}, False),
    ],
)
def test_a_packaged_tree_is_told_from_one_that_somebody_made(
    tmp_path: Path, tree: NewTree, more: dict[str, str], untouched: bool
) -> None:
    packaged = {"nginx.conf": "events {}", "sites-available/default": "server {}"}
    of_a_module = {"modsecurity.conf": "SecRuleEngine On"}
    folders: dict[str, str | None] = {"conf.d": None, "sites-enabled": None, "modules-enabled": None}
    trees.write(trees.overlay(tree({**packaged, **of_a_module, **folders})), tmp_path / "packaged")
    trees.write(trees.overlay(tree({**packaged, **folders, **more})), tmp_path / "live")
    assert is_packaged(tmp_path / "live", tmp_path / "packaged") is untouched
