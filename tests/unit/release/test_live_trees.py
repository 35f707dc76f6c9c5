"""Live trees of hosts on the controller."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.live_trees import (
    find_live,
    is_packaged,
    keep_live,
    known_ids,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.received import read_sent
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id

NewTree = Callable[..., trees.Tree]
LIVE = read_release_id("a" * 64)


def _id(tree: trees.Tree) -> ReleaseId:
    return release_id(trees.manifest(tree))


def test_a_fetched_tree_is_kept_under_the_id_that_its_host_gave(tmp_path: Path, tree: NewTree) -> None:
    files = {"nginx.conf": "error_log /var/log/e.log;", "conf.d/a.conf": "", "modules": "-> /usr/lib/nginx/modules"}
    laid = trees.overlay(tree(files))
    live = _id(laid)
    assert (known_ids(tmp_path), find_live(tmp_path, live)) == ([], None)
    for _ in range(2):
        # A host that has sent all of it has withheld nothing, whatever it says.
        release = keep_live(tmp_path, live, trees.bundle(laid), ["shop.key"])
    assert (known_ids(tmp_path), find_live(tmp_path, live)) == ([live], release)
    assert (release.tree / "nginx.conf").read_text() == files["nginx.conf"]
    assert (release.tree / "modules").readlink() == Path("/usr/lib/nginx/modules")
    described = release.described
    assert described["facts"]["error_logs"] == ["/var/log/e.log"]
    assert (described["withheld"], described["id"]) == ([], live)
    assert [path.name for path in (tmp_path / "live").iterdir()] == [live]


def test_a_tree_that_its_host_has_not_sent_whole_has_another_name(tmp_path: Path, tree: NewTree) -> None:
    laid = trees.overlay(tree({"nginx.conf": "events {}", "shop.key": "KEY"}))
    sent = {path: node for path, node in laid.items() if path != "shop.key"}
    release = keep_live(tmp_path, _id(laid), trees.bundle(sent), ["shop.key"])
    assert release.id not in (_id(laid), _id(sent))
    assert (release.described["withheld"], release.described["id"]) == (["shop.key"], release.id)
    assert find_live(tmp_path, _id(laid)) is None
    assert keep_live(tmp_path, _id(laid), trees.bundle(sent), ["shop.key"]) == release
    assert keep_live(tmp_path, _id(laid), trees.bundle(sent), ["shop.key", "x"]).id != release.id


def test_no_host_can_poison_what_another_one_serves(tmp_path: Path, tree: NewTree) -> None:
    laid, evil = (trees.overlay(tree({"nginx.conf": text})) for text in ("events {}", "user root;"))
    with pytest.raises(SluiceError, match=f"names its live tree {_id(laid)[:12]}, and the one that it sent is"):
        keep_live(tmp_path, _id(laid), trees.bundle(evil), [])
    poison = keep_live(tmp_path, _id(laid), trees.bundle(evil), ["nothing"])
    assert poison.id != _id(laid)
    assert find_live(tmp_path, _id(laid)) is None
    honest = keep_live(tmp_path, _id(laid), trees.bundle(laid), [])
    assert (honest.tree / "nginx.conf").read_text() == "events {}"


def test_the_modes_that_a_host_has_count_for_its_id(tmp_path: Path) -> None:
    laid = {
        "closed": trees.Node("dir", 0o500, b"", ""),
        "closed/s": trees.Node("file", 0o4755, b"x", ""),
        "nginx.conf": trees.Node("file", 0o040, b"", ""),
    }
    release = keep_live(tmp_path, _id(laid), trees.bundle(laid), [])
    assert release.id == _id(laid)
    # They can be read here, and run as nobody else.
    assert [(release.tree / path).stat().st_mode & 0o7777 for path in laid] == [0o700, 0o755, 0o640]


@pytest.mark.parametrize("name", ["../../etc", "..", "", "*", "A" * 64, f"{LIVE}\n"])
def test_only_an_id_is_looked_for(tmp_path: Path, name: Any) -> None:
    (tmp_path / "live" / "x").mkdir(parents=True)
    (tmp_path / "live" / "x" / "release.json").touch()
    with pytest.raises(SluiceError, match="is no release id"):
        find_live(tmp_path, name)
    assert known_ids(tmp_path) == []


def test_one_that_is_not_whole_is_replaced(tmp_path: Path, tree: NewTree) -> None:
    laid = tree({"nginx.conf": "events {}"})
    (tmp_path / "live" / _id(laid) / "tree").mkdir(parents=True)
    keep_live(tmp_path, _id(laid), trees.bundle(laid), [])
    assert known_ids(tmp_path) == [_id(laid)]


def test_nothing_is_removed_behind_a_link(tmp_path: Path, tree: NewTree) -> None:
    laid = tree({"nginx.conf": "events {}"})
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / _id(laid)).symlink_to(tmp_path / "precious")
    with pytest.raises(SluiceError, match="leads out of"):
        keep_live(tmp_path, _id(laid), trees.bundle(laid), [])
    assert (tmp_path / "precious" / "file").is_file()


def test_a_release_of_the_controller_is_known_as_well(tmp_path: Path, tree: NewTree) -> None:
    made = ReleaseStore(tmp_path / "releases").add(tree({"nginx.conf": "events {}"}), [], [], {})
    assert known_ids(tmp_path) == [made.id]
    assert find_live(tmp_path, read_release_id(made.id)) == made


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
        (_archive("hard", tarfile.LNKTYPE), "'hard', which is neither a file, a directory nor a link"),
        (_archive("a\nb"), "has control characters; a release cannot hold it"),
        (_archive(os.fsdecode(b"caf\xe9")), "is not UTF-8; a release cannot hold it"),
        (_archive("deep/" * 10_000), "which is no path in a tree"),
        (_archive("ok", target="/etc") + b"more", "damaged: something follows"),
        (_archive("ok")[:-20], "damaged: it ends early"),
        (b"noise", "the live tree that the host sent is damaged"),
        (gzip.compress(b"noise" * 1000), "the live tree that the host sent is damaged"),
        (b"", "the live tree that the host sent is damaged"),
    ],
    # An archive has the time in it, and workers must agree on the names of tests.
    ids=[
        *("absolute", "upwards", "pipe", "through a link", "hard link", "line end", "not UTF-8", "deep", "more", "cut"),
        *("noise", "packed noise", "nothing"),
    ],
)
def test_nothing_that_a_host_sends_leads_out_of_the_folder(tmp_path: Path, sent: bytes, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        keep_live(tmp_path, LIVE, sent, ["x"])
    assert list((tmp_path / "live").glob("*")) == []


@pytest.mark.parametrize("kind", ["one file", "many files", "headers", "sparse"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=9) as archive:
        for number in range({"one file": 1, "many files": 21_000, "headers": 1, "sparse": 1}[kind]):
            member = tarfile.TarInfo(f"nginx{number}.conf")
            size = 300 << 20 if kind == "one file" else 0
            member.size = size
            if kind == "headers":
                member.pax_headers = {"comment": "x" * (200 << 20)}
            if kind == "sparse":
                member.type, member.size = tarfile.GNUTYPE_SPARSE, 1 << 40
                archive.fileobj.write(member.tobuf(tarfile.GNU_FORMAT))
                continue
            with open("/dev/zero", "rb") as zeros:
                archive.addfile(member, zeros if size else None)
    sent = buffer.getvalue()
    assert len(sent) < 1 << 20
    del buffer
    tracemalloc.start()
    with pytest.raises(
        SluiceError, match=r"the live tree that the host sent is (too large|damaged)|sent 'nginx0\.conf', wh"
    ):
        keep_live(tmp_path, LIVE, sent, [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 << 20


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400), st.booleans())
def test_whatever_a_host_sends_is_a_tree_or_refused(noise: bytes, place: int, is_packed: bool) -> None:
    good = gzip.decompress(trees.bundle({"nginx.conf": trees.file(b"events {}", "")}))
    data = good[:place] + noise + good[place + len(noise) :]
    with contextlib.suppress(SluiceError):
        read_sent(gzip.compress(data) if is_packed else data)


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
