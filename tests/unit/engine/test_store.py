"""State and journal on disk: what is damaged is set aside and never stops anything."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine import state as states
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.journal import Journal
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import HostStore, Layout, Locked
from ansible_collections.sluice.nginx.plugins.module_utils.engine.stored import is_event, is_state
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.release_inventory import remove_unknown
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from tests.unit.hostile import json_values, spoiled

HAND = read_release_id("d" * 64)
EVENT: dict[str, Any] = {
    "at": "t1",
    "run": "r1",
    "event": "pending",
    "release": "a" * 64,
    "before": HAND,
    "deadline": 9,
    "mark": "begin",
}
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
        self.store = HostStore(self.system, self.layout, self.warnings.append)

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
    assert (
        "was damaged; it was rebuilt from the journal and the releases on disk, and dddddddddddd is" in kept.warnings[0]
    )
    assert kept.layout.state.read_text() == text, "who only reads changes nothing"
    kept.store.save(found)
    (aside,) = kept.names("state.json.damaged-*")
    assert (kept.layout.root / aside).read_text() == text
    assert kept.store.load()["live"] == HAND


def _whole() -> dict[str, Any]:
    """A state with all that there can be."""
    release, before = "a" * 64, "b" * 64
    accepted = {"release": before, "run": None, "since": None, "before": None}
    pending = {
        **{"release": release, "before": before, "run": "r1", "who": "ann", "from": "desk", "since": "t1"},
        **{"phase": "serving", "boot": "b", "deadline": 30.0, "broken": [], "test_ms": 5},
        **{"marks": {"/var/log/nginx/error.log": [(1 << 64) - 1, 2]}, "workers": [[1, 2]], "old_pids": [1]},
    }
    last = {"release": before, "run": "r0", "outcome": "confirmed", "by": "run r0", "at": "t0"}
    records = {release: {"installed": "t1", "origin": "pushed"}, before: {"installed": "t0", "origin": "adopted"}}
    records[before]["confirmed"] = accepted  # type: ignore[assignment]
    known = {"schema": 1, "version": 3, "live": release, "confirmed": accepted, "pending": pending, "last": last}
    return {**known, "releases": records}


def test_a_whole_state_is_taken_as_it_is(kept: Kept) -> None:
    kept.saved()
    kept.layout.state.write_text(json.dumps(_whole()))
    assert kept.store.load() == _whole()
    assert kept.warnings == []


@pytest.mark.parametrize(
    "hole",
    [
        {"pending": {}},
        {"confirmed": {}},
        {"confirmed": {"release": "a" * 64}},
        {"last": {}},
        {"releases": {"a" * 64: {}}},
        {"releases": {"../../etc": {"installed": "t", "origin": "pushed"}}},
        {"releases": {"a" * 64: {"installed": 5, "origin": "pushed"}}},
        {"releases": []},
        {"live": ".."},
        {"live": "A" * 64},
        {"live": 5},
        {"version": None},
        {"version": True},
        {"version": "3"},
        {"pending": {**_whole()["pending"], "before": "../x"}},
        {"pending": {**_whole()["pending"], "deadline": "soon"}},
        {"pending": {**_whole()["pending"], "deadline": float("nan")}},
        {"pending": {**_whole()["pending"], "marks": {"log": [1]}}},
        {"pending": {**_whole()["pending"], "workers": [5]}},
        {"pending": {**_whole()["pending"], "broken": 5}},
    ],
    ids=repr,
)
def test_a_state_with_a_hole_is_damaged(kept: Kept, hole: dict[str, Any]) -> None:
    kept.saved()
    kept.layout.conf.symlink_to(kept.layout.release(HAND))
    kept.layout.state.write_text(json.dumps({**_whole(), **hole}))
    assert kept.store.load()["live"] == HAND
    assert "was damaged; it was rebuilt" in kept.warnings[0]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_a_state_holds_it_is_read_or_rebuilt(data: st.DataObject) -> None:
    spoilt = data.draw(spoiled(_whole()) | json_values())
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder))
        kept.saved()
        kept.layout.state.write_text(json.dumps(spoilt))
        with contextlib.suppress(SluiceError):
            state = kept.store.load()
            assert is_state(state)
            # What the watchdog and every operation make of it.
            states.prunable(state, 1)
            states.rollback(state, "r1")
            states.ending(state, "r1")
            states.older(state, HAND)


@settings(max_examples=200, deadline=None)
@given(st.lists(spoiled(EVENT) | json_values(4), max_size=4))
def test_whatever_a_journal_holds_it_is_told_or_left_out(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder))
        kept.saved()
        with kept.layout.journal.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        kept.layout.state.write_text("{")
        assert is_state(kept.store.load())
        assert all(is_event(event) for event in kept.events())
        with kept.store.lock(ANN, "test"):
            assert kept.events()[0]["event"] == "adopted"


@pytest.mark.parametrize(
    "meta",
    ["[" * 100_000, "5", '{"facts": 5}', '{"manifest": {}}', '{"shared": [5]}', '{"contract": 5}', '{"outside": [1]}'],
    ids=lambda text: text[:20],
)
def test_a_damaged_description_of_a_release_is_none(kept: Kept, meta: str) -> None:
    kept.saved()
    kept.layout.meta(HAND).write_text(meta)
    assert kept.store.meta(HAND) == {}


@pytest.mark.parametrize("name", ["..", ".", "x", "*", ".incoming", "a" * 63, "A" * 64])
def test_a_link_to_what_is_no_release_is_none_of_ours(kept: Kept, name: str) -> None:
    kept.saved()
    kept.layout.conf.symlink_to(f"{kept.layout.releases}/{name}")
    assert kept.layout.linked() is None
    for path in (kept.layout.release, kept.layout.bundle, kept.layout.meta):
        with pytest.raises(SluiceError, match="is no release id"):
            path(name)  # type: ignore[arg-type]


def test_only_what_is_in_the_folders_of_the_store_is_removed(kept: Kept) -> None:
    kept.saved()
    session = Session(kept.system, kept.layout, ANN)
    keep, gone = "a" * 64, "b" * 64
    for name in (keep, gone, ".incoming", "*", "x"):
        (kept.layout.releases / name).mkdir()
        (kept.layout.root / "meta" / f"{name}.json").touch()
    before = sorted(path.name for path in kept.layout.root.iterdir())
    remove_unknown(session, {"releases": {keep: {}, HAND: {}}})
    assert sorted(os.listdir(kept.layout.releases)) == sorted([keep, HAND])
    assert os.listdir(kept.layout.root / "meta") == [f"{keep}.json"]
    assert sorted(path.name for path in kept.layout.root.iterdir()) == before


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


def test_an_operation_that_hangs_is_ended_when_the_watchdogs_timeout_is_over(kept: Kept) -> None:
    hung = Kept(kept.layout.root.parent)
    with kept.store.lock(ANN, "activate"):
        with pytest.raises(Locked, match="ann from desk"), hung.store.lock(ANN, "watchdog", end_hung_after=60):
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


def test_there_is_space_in_reserve_for_the_rollback(kept: Kept) -> None:
    kept.saved()
    assert (kept.layout.root / "ballast").stat().st_size == 256 << 10
    assert kept.store.make_room()
    assert not kept.store.make_room()
