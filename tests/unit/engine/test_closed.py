"""At no step of any operation is a secret more open than where it comes from, or than its release says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.command import run
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees import installed
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.bundle import pack_tree
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.live import point
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id
from tests.unit.engine.simulation.crash import Steps

SECRET = b"S3CR3T"


class Watched(Steps):
    """Looks at every file after each change of one; what a stranger could read then is in ``seen``."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._top = top
        self.actual: set[str] = set()
        self.looks = 0

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" or event.startswith("os."):
            self.look()

    def look(self) -> None:
        from tests.unit.engine.simulation.crash import unwatched

        with unwatched():
            self.looks += 1
            for path in _open_to_all(self._top):
                self.actual.add(path)


def _open_to_all(top: Path) -> Iterator[str]:
    """Yield the files that anybody could open, and whose content is or may become a secret: even an empty one counts,
    since who has it open reads what is written later.
    """
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_mode & stat.S_IXOTH]
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path) and name.startswith("secret") and os.lstat(path).st_mode & 0o044:
                yield path


@contextmanager
def watched(top: Path) -> Iterator[Watched]:
    steps = Watched(top)
    before = os.umask(0)
    try:
        with steps.counted():
            yield steps
        steps.look()
    finally:
        os.umask(before)
    assert steps.looks > 3


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(System(), Layout(tmp_path / "sluice", tmp_path / "etc" / "nginx"), {"id": "r1"})
    with session.store.lock(session.run, "test"):
        pass
    conf = session.layout.conf
    for folder in (conf, conf / "ssl", conf / "open"):
        folder.mkdir(parents=True, mode=0o755)
        folder.chmod(0o755)
    (conf / "nginx.conf").write_text("events {}\n")
    for path in (conf / "ssl" / "secret.key", conf / "open" / "secret-too"):
        path.write_bytes(SECRET)
        path.chmod(0o600)
    return session


def test_a_folder_that_becomes_a_link_while_it_is_copied_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, closed = tmp_path / "theirs", tmp_path / "closed"
    for folder in (theirs / "sub", closed):
        folder.mkdir(parents=True)
        (folder / "file").write_text(folder.name)
    listdir = os.listdir

    def swapped(path: Any) -> list[str]:
        if (theirs / "sub").is_dir() and not (theirs / "sub").is_symlink() and os.path.samefile(path, theirs / "sub"):
            (theirs / "sub").rename(theirs / "moved")
            (theirs / "sub").symlink_to(closed)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", swapped)
    System().copy(theirs, tmp_path / "copy")
    assert (theirs / "sub").is_symlink()
    assert (tmp_path / "copy/sub/file").read_text() == "sub"


def test_adopting_keeping_and_repairing_open_nothing(session: Session, tmp_path: Path) -> None:
    with watched(tmp_path) as steps:
        state = installed.adopt(session, session.store.load(), {})
        session.save(state)
        installed.keep(session, ["ssl", "open/secret-too"])
        point(session, state["live"])
    assert steps.actual == set()
    tree = session.layout.release(state["live"])
    (tree / "ssl" / "secret.key").write_bytes(b"changed")
    (tree / "open" / "secret-too").unlink()
    with watched(tmp_path) as steps:
        installed.repair(session, state["live"])
    assert steps.actual == set()
    assert (tree / "ssl" / "secret.key").read_bytes() == SECRET
    assert (session.layout.shared / "open" / "secret-too").read_bytes() == SECRET
    assert not session.layout.work.exists()


@pytest.mark.parametrize("owners", [True, False])
def test_installing_opens_nothing(session: Session, tmp_path: Path, owners: bool) -> None:
    manifest = read_tree(session.layout.conf)
    release = release_id(manifest)
    with watched(tmp_path) as steps:
        installed.install(session, release, manifest, pack_tree(session.layout.conf), owners)
    assert steps.actual == set()
    assert read_tree(session.layout.release(release)) == manifest


def test_what_a_crash_has_left_is_closed_and_removed(session: Session) -> None:
    left = session.layout.work / "incoming"
    left.mkdir(parents=True)
    (left / "secret").write_bytes(SECRET)
    manifest = read_tree(session.layout.conf)
    installed.install(session, release_id(manifest), manifest, pack_tree(session.layout.conf))
    assert not session.layout.work.exists()


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_file_has_its_mode_under_any_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        System().write(tmp_path / "unit", b"x", 0o644)
        System().write(tmp_path / "state", b"x")
        (tmp_path / ".state.new").write_bytes(b"of a crash")
        (tmp_path / ".state.new").chmod(0o666)
        System().write(tmp_path / "state", b"y")
        System().make_directory(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"unit": 0o644, "state": 0o600, "a": 0o755, "b": 0o755, "c": 0o755}


def test_what_a_command_makes_is_as_it_always_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert run(["sh", "-c", f"echo x > {tmp_path}/nginx.log"], 10).rc == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "nginx.log").stat().st_mode) == 0o644


def test_what_is_for_the_group_gets_that_of_the_workers(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    path = session.layout.conf / "open" / "secret-too"
    path.chmod(0o640)
    manifest = read_tree(session.layout.conf)
    release = release_id(manifest)
    bundle = pack_tree(session.layout.conf)
    given: dict[str, int] = {}
    own = os.fchown

    def fchown(descriptor: int, uid: int, gid: int) -> None:
        given[os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2]] = gid
        own(descriptor, uid, -1)

    monkeypatch.setattr(os, "fchown", fchown)
    import grp

    group = grp.getgrgid(os.getgid() or 1)
    installed.install(session, release, manifest, bundle, False, {"user": ["nobody", group.gr_name]})
    assert given == {"secret-too": group.gr_gid}
    assert session.warnings == []


def test_a_group_that_is_not_there_is_told(session: Session) -> None:
    (session.layout.conf / "open" / "secret-too").chmod(0o640)
    manifest = read_tree(session.layout.conf)
    bundle = pack_tree(session.layout.conf)
    session.system.proc = session.layout.root / "no-proc"
    session.system.proc.mkdir()
    installed.install(session, release_id(manifest), manifest, bundle, False, {"user": ["no-such-user"]})
    assert "the group of nginx's workers (no-such-user) is not known on this host" in session.warnings[0]


@pytest.mark.parametrize("earlier", [False, True])
def test_folders_of_what_is_kept_are_as_closed_as_their_origin(session: Session, earlier: bool) -> None:
    folder = session.layout.conf / "private" / "ca"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o751)
    folder.chmod(0o700)
    (folder / "shop.key").write_bytes(SECRET)
    (folder / "shop.key").chmod(0o644)
    if earlier:
        # As versions before made them.
        (session.layout.shared / "private" / "ca").mkdir(parents=True, mode=0o755)
        (session.layout.shared / "private" / "ca" / "shop.key").write_bytes(SECRET)
    installed.keep(session, ["private/ca/shop.key"])
    kept = session.layout.shared / "private"
    assert stat.S_IMODE((kept / "ca").stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o751
    assert (kept / "ca" / "shop.key").read_bytes() == SECRET
    # A folder that somebody has closed further is not opened again.
    kept.chmod(0o700)
    installed.keep(session, ["private/ca/shop.key"])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_what_is_kept_is_as_closed_as_etc_nginx_itself(session: Session) -> None:
    session.layout.conf.chmod(0o750)
    (session.layout.conf / "users").write_bytes(SECRET)
    installed.keep(session, ["users"])
    assert stat.S_IMODE(session.layout.shared.stat().st_mode) == 0o750


def test_folders_that_an_earlier_version_opened_are_closed_as_what_was_adopted(session: Session) -> None:
    folder = session.layout.conf / "private"
    folder.mkdir(mode=0o700)
    (folder / "shop.key").write_bytes(SECRET)
    state = installed.adopt(session, session.store.load(), {})
    session.save(state)
    point(session, state["live"])
    kept = session.layout.shared / "private"
    kept.mkdir(mode=0o755)
    (kept / "shop.key").write_bytes(SECRET)
    installed.keep(session, ["private/shop.key"])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize("deep", ["ssl/sub/a.key", "ssl/sub/more/a.key"])
def test_a_link_of_another_user_leads_nobody_out_of_what_is_kept(session: Session, tmp_path: Path, deep: str) -> None:
    live, target = session.layout.conf / deep, tmp_path / "profile.d"
    live.parent.mkdir(parents=True)
    live.parent.chmod(0o700)
    live.write_bytes(SECRET)
    target.mkdir()
    target.chmod(0o755)
    theirs = session.layout.shared / "ssl"
    theirs.mkdir()
    os.chown(theirs, 1234, 1234)
    (theirs / "sub").symlink_to(target)
    with pytest.raises(Fault, match="shared/ssl/sub is no folder in which anything can be kept"):
        installed.keep(session, [deep])
    status = target.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, os.listdir(target)) == (0o755, 0, [])


def test_nothing_is_made_for_what_is_not_there(session: Session) -> None:
    with pytest.raises(Fault, match="no/such/key is to be kept, and is not on this host"):
        installed.keep(session, ["no/such/key"])
    assert os.listdir(session.layout.shared) == []


def test_a_link_that_root_made_in_a_folder_of_root_leads_to_what_is_kept(session: Session, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (session.layout.shared / "ssl").symlink_to(tmp_path / "elsewhere")
    installed.keep(session, ["ssl/secret.key"])
    assert (tmp_path / "elsewhere/secret.key").read_bytes() == SECRET
    assert os.listdir(tmp_path / "elsewhere") == ["secret.key"]


def test_the_engine_has_a_closed_umask(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import main

    masks: list[int] = []
    monkeypatch.setattr(os, "umask", masks.append)
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    main(b"{}", b"")
    assert masks == [0o077]
