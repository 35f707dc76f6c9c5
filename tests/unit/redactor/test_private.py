"""What the controller keeps is its user's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible import constants

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import RunSummary
from ansible_collections.sluice.nginx.plugins.module_utils.storage import keep_private, make_folder, write_text
from ansible_collections.sluice.nginx.plugins.plugin_utils import controller

IS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_folder_of_a_project_is_made_closed_and_an_open_one_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "CONFIG_FILE", str(tmp_path / "ansible.cfg"))
    folder = tmp_path / ".sluice"
    assert controller.state_folder() == folder
    assert _mode(folder) == 0o700
    folder.chmod(0o755)
    assert _mode(controller.state_folder()) == 0o700


@IS_ROOT
def test_a_link_a_file_and_another_users_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "file").write_text("")
    for name, words in (("link", "is a link"), ("file", "is no folder")):
        with pytest.raises(SluiceError, match=words):
            keep_private(tmp_path / name)
    os.chown(tmp_path / "elsewhere", 4711, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4712)
    with pytest.raises(SluiceError, match="belongs to the user 4711"):
        keep_private(tmp_path / "elsewhere")


@IS_ROOT
def test_a_volume_of_an_administrator_is_taken_unless_anybody_writes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir(mode=0o775)
    os.chown(tmp_path / "kept", 0, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert keep_private(tmp_path / "kept") == tmp_path / "kept"
    (tmp_path / "kept").chmod(0o777)
    with pytest.raises(SluiceError, match="belongs to the user 0"):
        keep_private(tmp_path / "kept")
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    assert keep_private(tmp_path / "kept") == tmp_path / "kept"


def test_where_nothing_can_be_made_readers_find_nothing(tmp_path: Path) -> None:
    assert keep_private(tmp_path / "no/such") == tmp_path / "no/such"


def test_folders_and_files_of_a_run_are_closed_whatever_the_umask(tmp_path: Path) -> None:
    run = open_run(tmp_path / "kept/runs")
    record = RunRecord(run)
    record.note("preflight", "web1", good=True, answer={})
    record.show("gates", "a table")
    record.write(RunSummary("passed", "it passed"), list(record.events()))
    write_text(tmp_path / "kept/more.json", "{}")
    make_folder(tmp_path / "kept/a/b")
    for path in (tmp_path / "kept").rglob("*"):
        assert _mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert _mode(tmp_path / "kept") == 0o700
