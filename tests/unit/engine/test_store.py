"""State and journal on disk: what is damaged is set aside and never stops anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import state as states
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.journal import Journal
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout, Locked, Store
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.outside import read_release_id

HAND = read_release_id("d" * 64)
ANN = {"id": "r1", "who": "ann", "from": "desk"}


class Hurried(System):
    """Waiting takes no time. ``killed`` are the processes that were to be ended; the lock is let go then."""

    def __init__(self) -> None:
        self.waited = 0.0
        self.killed: list[int] = []

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds

    def kill(self, pid: int) -> None:
        self.killed.append(pid)


class Kept:
    """A store in a folder, and what it warned of."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "sluice", folder / "nginx")
        self.system = Hurried()
        self.warnings: list[str] = []
        self.store = Store(self.system, self.layout, self.warnings.append)

    def saved(self) -> dict[str, Any]:
        """A state that was written once."""
        with self.store.lock(ANN, "test"):
            state = states.adopted(states.empty(), HAND, "t0")
            self.store.save(state)
            self.store.journal(ANN, "adopted", {"release": HAND})
        (self.layout.release(HAND)).mkdir()
        return state

    def events(self) -> list[dict[str, Any]]:
        return Journal(self.system, self.layout.journal).events()

    def names(self, pattern: str) -> list[str]:
        return sorted(path.name for path in self.layout.root.glob(pattern))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"live": 1}', '{"schema": 1}', "\0" * 4096])
def test_a_damaged_state_is_rebuilt_and_set_aside(kept: Kept, text: str) -> None:
    good = kept.saved()
    kept.layout.conf.symlink_to(kept.layout.release(HAND))
    kept.layout.state.write_text(text)
    found = kept.store.load()
    assert (found["live"], found["confirmed"]["release"]) == (good["live"], HAND)
    assert "was damaged; it was rebuilt from the journal and the releases on disk, and dddddddddddd is" in kept.warnings[0]
    assert kept.layout.state.read_text() == text, "who only reads changes nothing"
    kept.store.save(found)
    (aside,) = kept.names("state.json.damaged-*")
    assert (kept.layout.root / aside).read_text() == text
    assert kept.store.load()["live"] == HAND


def test_a_state_that_is_gone_from_a_host_with_a_journal_is_rebuilt(kept: Kept) -> None:
    kept.saved()
    kept.layout.state.unlink()
    assert kept.store.load()["live"] == HAND
    assert kept.warnings


def test_a_state_that_is_gone_with_its_journal_is_told_from_the_link(kept: Kept) -> None:
    kept.saved()
    kept.layout.conf.symlink_to(kept.layout.release(HAND))
    kept.layout.state.unlink()
    kept.layout.journal.unlink()
    assert kept.store.load()["confirmed"]["release"] == HAND
    assert kept.warnings


def test_a_state_of_another_version_is_left_alone(kept: Kept) -> None:
    kept.saved()
    kept.layout.state.write_text('{"schema": 99}')
    with pytest.raises(SluiceError, match=r"another version \(schema is 99, not 1\); update the controller"):
        kept.store.load()


def test_a_state_that_somebody_else_changed_is_not_overwritten(kept: Kept) -> None:
    kept.saved()
    mine, theirs = kept.store.load(), kept.store.load()
    kept.store.save(theirs)
    with pytest.raises(SluiceError, match="was changed by another operation"):
        kept.store.save(mine)
    assert kept.store.load()["version"] == theirs["version"]


def test_a_state_that_is_damaged_under_an_operation_does_not_stop_it(kept: Kept) -> None:
    mine = kept.saved()
    kept.layout.state.write_text("{")
    kept.store.save(mine)
    assert kept.store.load() == mine
    assert "was damaged meanwhile" in kept.warnings[0]
    assert len(kept.names("state.json.damaged-*")) == 1


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(kept: Kept) -> None:
    kept.saved()
    with kept.layout.journal.open("a") as file:
        file.write('{"eve')
    kept.store.journal(ANN, "next", {})
    assert [event["event"] for event in kept.store.last_events(9)] == ["adopted", "next"]


def test_a_damaged_journal_is_set_aside_and_what_can_be_read_is_kept(kept: Kept) -> None:
    kept.saved()
    with kept.layout.journal.open("ab") as file:
        file.write(b"\0\0\0\n[1]\n")
    kept.store.journal(ANN, "next", {})
    with kept.store.lock(ANN, "test"):
        assert [event["event"] for event in kept.events()] == ["adopted", "next"]
    assert len(kept.names("journal.jsonl.damaged-*")) == 1
    assert "2 lines of" in kept.warnings[0]
    with kept.store.lock(ANN, "test"):
        assert len(kept.warnings) == 1


def test_a_journal_that_has_grown_long_is_put_away_and_still_told(kept: Kept) -> None:
    kept.saved()
    with kept.layout.journal.open("a") as file:
        file.writelines(json.dumps({"event": "noise", "text": "x" * 1000}) + "\n" for _ in range(4300))
    kept.store.journal(ANN, "next", {})
    assert kept.names("journal*") == ["journal.1.jsonl", "journal.jsonl"]
    assert [event["event"] for event in kept.store.last_events(9)] == ["next"]
    assert kept.events()[0]["event"] == "adopted"


def test_an_operation_that_hangs_is_ended_when_the_guards_patience_is_over(kept: Kept) -> None:
    hung = Kept(kept.layout.root.parent)
    with kept.store.lock(ANN, "activate"):
        with pytest.raises(Locked, match="ann from desk"), hung.store.lock(ANN, "guard", end_hung_after=60):
            pass
        # It named itself, so that nobody else's process is ended in its place.
        assert hung.system.killed == [os.getpid()]
        assert hung.system.waited >= 70
    assert "an operation hung and was ended: ann from desk (run r1, activate since" in hung.warnings[0]


def test_a_lock_file_that_was_removed_locks_nothing_twice(kept: Kept) -> None:
    other = Kept(kept.layout.root.parent)
    with kept.store.lock(ANN, "one"):
        (kept.layout.root / "lock").unlink()
        with other.store.lock(ANN, "two"):
            assert (kept.layout.root / "lock").is_file()


def test_there_is_space_in_reserve_for_the_way_back(kept: Kept) -> None:
    kept.saved()
    assert (kept.layout.root / "ballast").stat().st_size == 256 << 10
    assert kept.store.make_room()
    assert not kept.store.make_room()
