"""Bundles that must not be trusted, releases that were changed, trees that are adopted, and the link."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees import installed
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.bundle import pack_tree, unpack
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.drift import (
    NOT_LINKED,
    difference_text,
    drift,
    is_ours,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.live import point
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.release_inventory import has_release
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import ManifestEntry, read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(System(), Layout(tmp_path / "sluice", tmp_path / "etc" / "nginx"), {"id": "r1"})
    with session.store.lock(session.run, "test"):
        pass
    session.layout.conf.mkdir(parents=True)
    (session.layout.conf / "nginx.conf").write_text("events {}\n")
    (session.layout.conf / "conf.d").mkdir(mode=0o750)
    return session


def source(tmp_path: Path) -> Path:
    tree = tmp_path / "source"
    (tree / "conf.d").mkdir(parents=True)
    (tree / "nginx.conf").write_text("events {}\n")
    (tree / "conf.d" / "a.conf").write_text("# a\n")
    (tree / "conf.d" / "b.conf").symlink_to("a.conf")
    (tree / "conf.d").chmod(0o550)
    (tree / "nginx.conf").chmod(0o640)
    return tree


def test_a_bundle_comes_out_as_it_went_in(tmp_path: Path) -> None:
    tree = source(tmp_path)
    unpack(pack_tree(tree), tmp_path / "out", read_tree(tree))
    assert read_tree(tmp_path / "out") == read_tree(tree)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", data: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    info.mode = 0o644
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
FILE = ManifestEntry("a", "file", 0o644, X)
LINK = ManifestEntry("l", "link", 0o777, "/tmp")


@pytest.mark.parametrize(
    ("members", "manifest", "said"),
    [
        ([member("/a")], [FILE], "'/a', which the release's manifest does not list"),
        ([member("../a")], [FILE], "'../a', which the release's manifest does not list"),
        ([member("../a")], [ManifestEntry("../a", "file", 0o644, X)], "'../a', which"),
        ([member("b")], [FILE], "'b', which the release's manifest does not list"),
        ([member("a", tarfile.FIFOTYPE)], [FILE], "a is something else"),
        ([member("a", tarfile.LNKTYPE, "/etc/passwd")], [FILE], "a is something else"),
        ([member("a", tarfile.CHRTYPE)], [FILE], "a is something else"),
        ([member("a", tarfile.SYMTYPE, "/etc/passwd")], [FILE], "a is link"),
        ([member("a", data=b"y")], [FILE], "a is changed"),
        ([], [FILE], "a is removed"),
        (
            [member("l", tarfile.SYMTYPE, "/tmp"), member("l/a")],
            [LINK, ManifestEntry("l/a", "file", 0o644, X)],
            "writes through a link: l/a",
        ),
        ([member("l", tarfile.SYMTYPE, "/etc")], [LINK], "l is changed"),
        ([member("a"), member("a")], [FILE], "damaged"),
    ],
)
def test_a_bundle_that_is_not_the_release(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], manifest: list[ManifestEntry], said: str
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(Fault, match="bundle") as caught:
        unpack(buffer.getvalue(), tmp_path / "out", manifest)
    assert said in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("cut", [0, 10, 150])
def test_a_bundle_that_was_cut_short(tmp_path: Path, cut: int) -> None:
    tree = source(tmp_path)
    data = pack_tree(tree)[:cut] if cut else b"no archive"
    with pytest.raises(Fault, match="the bundle"):
        unpack(data, tmp_path / "out", read_tree(tree))


def test_installing_leaves_nothing_behind_when_it_fails(session: Session, tmp_path: Path) -> None:
    manifest = read_tree(source(tmp_path))
    with pytest.raises(Fault, match="damaged"):
        installed.install(session, release_id(manifest), manifest, b"no archive")
    with pytest.raises(Fault, match="not that of the release"):
        installed.install(session, read_release_id("0" * 64), manifest, b"")
    with pytest.raises(Fault, match="this host has no release"):
        installed.install(session, release_id(manifest), manifest, b"")
    assert os.listdir(session.layout.releases) == []


def test_what_was_adopted_comes_back_with_its_modes(session: Session) -> None:
    (session.layout.conf / "modules").symlink_to("../../usr/lib/nginx/modules")
    (session.layout.conf / "same").symlink_to("conf.d")
    state = installed.adopt(session, session.store.load(), {"error_logs": []})
    release = state["live"]
    copy = session.layout.release(release)
    assert os.readlink(copy / "modules") == os.path.normpath(session.layout.conf / "../../usr/lib/nginx/modules")
    assert os.readlink(copy / "same") == "conf.d"
    assert (copy / "conf.d").stat().st_mode & 0o777 == 0o750
    assert state["releases"][release]["origin"] == "adopted"
    assert has_release(session, release)
    assert session.layout.conf.is_dir()
    assert not is_ours(session, state)


def test_a_link_that_a_package_wrote_into_a_release_leads_where_it_means_to(session: Session) -> None:
    """nginx.org's package for RPM writes the link to its modules, from /etc/nginx, with each version."""
    root = session.layout.conf.parents[1]
    for place in ("usr/bin", "usr/lib64/nginx/modules"):
        (root / place).mkdir(parents=True)
    (root / "usr/bin/rpm").touch()
    modules = session.layout.conf / "modules"
    modules.symlink_to("/usr/lib64/nginx/modules")
    point(session, installed.adopt(session, session.store.load(), {})["live"])
    modules.unlink()
    modules.symlink_to("../../usr/lib64/nginx/modules")
    assert modules.resolve() == root / "usr/lib64/nginx/modules"
    # The copy of what is live now is read as from /etc/nginx, too.
    adopted = installed.adopt(session, session.store.load(), {})["live"]
    assert os.readlink(session.layout.release(adopted) / "modules") == str(root / "usr/lib64/nginx/modules")


@pytest.mark.parametrize("target", ["/usr/share/nginx/mod-http-echo.conf", "../modules-available/mod-http-echo.conf"])
def test_hosts_without_such_a_package_get_no_link(session: Session, target: str) -> None:
    (session.layout.conf / "modules-enabled").mkdir()
    (session.layout.conf / "modules-enabled/50-mod-http-echo.conf").symlink_to(target)
    point(session, installed.adopt(session, session.store.load(), {})["live"])
    assert not os.path.lexists(session.layout.root / "usr")


def test_a_link_for_packages_that_cannot_be_made_stops_no_switch(session: Session) -> None:
    (session.layout.conf / "modules").symlink_to("/usr/lib64/nginx/modules")
    live = installed.adopt(session, session.store.load(), {})["live"]
    meta = session.store.meta(live)
    session.store.save_meta(live, {**meta, "manifest": [["modules", "link", 511, 7]]})
    point(session, live)
    assert session.layout.linked() == live
    assert "could not be made a link to" in " ".join(session.warnings)


def test_drift_is_seen_and_repaired(session: Session) -> None:
    state = installed.adopt(session, session.store.load(), {})
    point(session, state["live"])
    assert drift(session, state) == []
    conf = session.layout.conf
    (conf / "nginx.conf").write_text("changed")
    (conf / "conf.d" / "extra").write_text("")
    (conf / "conf.d").chmod(0o700)
    found = {(difference.path, difference.what) for difference in drift(session, state)}
    assert found == {("nginx.conf", "changed"), ("conf.d/extra", "added"), ("conf.d", "changed")}
    shown = difference_text(session, state, drift(session, state))
    assert "(the mode was 0750 and is 0700)" in shown
    assert "--- release/nginx.conf\n+++ live/nginx.conf\n" in shown
    assert "-events {}\n+changed" in shown
    installed.repair(session, state["live"])
    assert drift(session, state) == []


def test_a_link_in_the_place_of_a_folder_is_repaired_and_not_followed(session: Session, tmp_path: Path) -> None:
    state = installed.adopt(session, session.store.load(), {})
    point(session, state["live"])
    target = tmp_path / "elsewhere"
    target.mkdir()
    folder = session.layout.release(state["live"]) / "conf.d"
    session.system.remove(folder)
    folder.symlink_to(target)
    installed.repair(session, state["live"])
    assert (drift(session, state), os.listdir(target)) == ([], [])
    assert not folder.is_symlink()


def test_what_is_removed_is_not_left_by_a_link_that_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, target = tmp_path / "tree", tmp_path / "etc"
    for folder in (tree / "one", tree / "other", target):
        folder.mkdir(parents=True)
        (folder / "passwd").write_text("")
    unlink = os.unlink

    def swapping(name: str, **more: Any) -> None:
        unlink(name, **more)
        monkeypatch.setattr(os, "unlink", unlink)
        (left,) = [each for each in tree.iterdir() if (each / "passwd").exists()]
        left.rename(tmp_path / "moved")
        left.symlink_to(target)

    monkeypatch.setattr(os, "unlink", swapping)
    with contextlib.suppress(OSError):
        System().remove(tree)
    assert os.listdir(target) == ["passwd"]


def test_a_tree_that_is_gone_is_repaired(session: Session) -> None:
    state = installed.adopt(session, session.store.load(), {})
    point(session, state["live"])
    session.system.remove(session.layout.release(state["live"]))
    assert [difference.path for difference in drift(session, state)] == [NOT_LINKED]
    installed.repair(session, state["live"])
    assert drift(session, state) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ""])
def test_only_paths_inside_can_be_kept(session: Session, path: str) -> None:
    with pytest.raises(Fault, match="cannot be kept"):
        installed.keep(session, [path])


def test_what_is_kept_is_copied_once(session: Session) -> None:
    (session.layout.conf / "users").write_text("first")
    installed.keep(session, ["users"])
    (session.layout.conf / "users").write_text("second")
    installed.keep(session, ["users"])
    assert (session.layout.shared / "users").read_text() == "first"


class NoExchange(System):
    """A file system that does not move directories of an image."""

    def exchange(self, one: Path, other: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")


@pytest.mark.parametrize("system", [System(), NoExchange()])
def test_the_directory_becomes_a_link(session: Session, system: System) -> None:
    session.system = system
    state = installed.adopt(session, session.store.load(), {})
    point(session, state["live"])
    point(session, state["live"])
    assert session.layout.linked() == state["live"]
    assert os.listdir(session.layout.conf.parent) == ["nginx"]
    assert (session.layout.conf / "nginx.conf").read_text() == "events {}\n"


def test_a_release_whose_tree_is_gone_is_not_linked(session: Session) -> None:
    with pytest.raises(Fault, match="is gone from this host"):
        point(session, read_release_id("a" * 64))
    assert session.layout.conf.is_dir()
