"""How slices of a roll-out end all the same way.

Below the name of the roll-out a store has: ``plan``; ``slices/N``, the hosts of each and the sizes of its waves;
``acks/N/WAVE/HOST``, what became of each host, and ``waves/N/WAVE``, that a wave is done; ``heartbeats/N``; and
``decision``, which is changed once. Whoever sees a failure decides for the rollback. Who finds each wave of each slice
done, and each slice alive, decides that all confirm. Nobody coordinates: any slice may do either, and compare-and-set
lets one of them win.

Times of other machines are never compared: that a slice lives shows by its heartbeat having another revision than
before, within seconds of this machine's own monotonic clock.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..coordination.model import CoordinationStore, KeyEntry, StoreFault, StoreUnreachable, key_part
from ..errors import SluiceError
from ..fleet.run_record import Run
from ..storage import write_text
from ..textfmt import count, listed, now
from ..untrusted import whole_number
from .heartbeats import Heartbeats
from .model import KEPT, SliceOptions, read_kept
from .statements import Stater

__all__ = ["CONFIRM", "ROLLBACK", "UNDECIDED", "SharedDecision", "SharedRollout"]

UNDECIDED, CONFIRM, ROLLBACK = "undecided", "confirm", "rollback"
_LOOK = 1.0
# Whoever is refused because another one was faster finds a decision, unless the store is none.
_MOST_TRIES = 100

Meanwhile = Callable[[float], bool]
"""Sees to the hosts of this slice for so many seconds; returns whether they are all well."""
Say = Callable[[str], None]
"""Shows people what is waited for; it is called again and again, also with the same words."""


class SharedDecision(NamedTuple):
    """How a roll-out ends, by whose word, and why."""

    decision: str
    by: str = ""
    why: str = ""


class SharedRollout:
    """One slice of a roll-out. ``confirm_timeout`` is that of the watchdogs, in seconds.

    What it knows is kept in the record of the run, since each step is a process of its own.
    """

    def __init__(self, options: SliceOptions, run: Run, stater: Stater, confirm_timeout: float) -> None:
        self._options, self._run, self._stater = options, run, stater
        self._store: CoordinationStore = options.open()
        self.confirm_timeout = confirm_timeout
        self._fresh = confirm_timeout / 3
        self._dead = confirm_timeout * 2 / 3
        self._file = Path(run.folder, KEPT)
        known = read_kept(run)
        self.number = int(known.get("number") or 0)
        self._token = str(known.get("token") or "")
        self._waves: list[list[str]] = known.get("waves") or []
        self._wave = int(known.get("wave") or 0)
        self._acknowledged = int(known.get("acknowledged") or 0)
        self._heartbeats = Heartbeats(
            options.open, self._key("heartbeats"), run.id, self.number, known.get("seen") or {}, self._fresh
        )
        self.is_hooked = bool(known.get("hooked"))
        self._stater.verified.update(known.get("verified") or ())
        # What slices have stated never changes, so it is read once.
        self._begun: dict[int, dict[str, Any]] = {}
        self._ended: set[tuple[int, int]] = set()
        self._are_apart = False

    @property
    def name(self) -> str:
        """Return the name of the roll-out."""
        return self._options.name

    @property
    def wait(self) -> float:
        """Return for how many seconds this slice waits for others."""
        return self._options.wait

    @property
    def wave(self) -> list[str]:
        """Return the hosts of the wave that was begun last."""
        return self._waves[self._wave - 1] if self._wave else []

    @property
    def is_joined(self) -> bool:
        """Return whether this run has a place in the roll-out."""
        return bool(self._token)

    @property
    def me(self) -> str:
        """Return this slice in words."""
        return f"slice {self.number} of {self._options.slices}"

    def for_hosts(self) -> dict[str, Any] | None:
        """Return what a host needs to ask for the decision; None where hosts cannot."""
        login = self._options.for_hosts()
        if login is None:
            return None
        return {"store": login, "key": self._key("decision"), "rollout": self._token}

    # Taking part.

    def join(self, hosts: Mapping[str, str], waves: Sequence[Sequence[str]], *, is_hooked: bool = False) -> None:
        """Take a place in the roll-out, with the release that each host is to get, and the waves of those that change.

        A roll-out that was confirmed is joined again by a slice with the same hosts, whose hosts then follow. Raises
        ``SluiceError`` where there is no place.
        """
        token = str(self._plan()["rollout"])
        self._token, self.is_hooked = token, is_hooked
        try:
            self._take_place(hosts, waves)
        except SluiceError:
            # Without a place, this run has no say in how the others end.
            self._token = ""
            raise
        self._save()
        self._heartbeats.begin(self.number, self._store)

    def _take_place(self, hosts: Mapping[str, str], waves: Sequence[Sequence[str]]) -> None:
        self._create("decision", self._stater.state("decision", rollout=self._token, decision=UNDECIDED).to_bytes())
        decided = self.decision()
        if decided.decision == ROLLBACK:
            words = f"the roll-out '{self._options.name}' was rolled back: {decided.why} ({decided.by})"
            raise SluiceError(f"{words}; begin another one, with another rollout_name")
        self._waves = [list(wave) for wave in waves]
        self.number = self._claim(dict(hosts), decided)

    def _plan(self) -> dict[str, Any]:
        """Return the plan of the roll-out, which the first slice makes."""
        facts = {"rollout": secrets.token_hex(16), "name": self._options.name, "slices": self._options.slices}
        self._create("plan", self._stater.state("plan", **facts, by=self._run.id).to_bytes())
        found = self._store.get(self._key("plan"))
        if found is None:
            raise SluiceError(f"the plan of the roll-out '{self._options.name}' is gone; see who removes keys there")
        plan = self._stater.read("plan", found.value)
        if not isinstance(plan.get("rollout"), str) or not plan["rollout"]:
            raise SluiceError("the plan in the store names no roll-out; see who writes there")
        if plan.get("slices") != self._options.slices or plan.get("name") != self._options.name:
            words = f"the roll-out '{self._options.name}' has {plan.get('slices')} slices, and this run expects"
            raise SluiceError(f"{words} {self._options.slices}; give each slice the same rollout_slices")
        return plan

    def _claim(self, hosts: dict[str, str], decided: SharedDecision) -> int:
        """Take the place that this run was given, or the first that is free."""
        wanted = [self._options.number] if self._options.number else range(1, self._options.slices + 1)
        taken: list[str] = []
        # Every slice reads this of every other one, and a store takes values of a megabyte.
        stated, sizes = _by_release(hosts), [len(wave) for wave in self._waves]
        for number in wanted:
            facts = {"rollout": self._token, "slice": number, "hosts": stated, "waves": sizes, "run": self._run.id}
            statement = self._stater.state("slice", **facts).to_bytes()
            if self._create(f"slices/{number}", statement):
                if decided.decision == CONFIRM:
                    raise SluiceError(f"the roll-out '{self._options.name}' was confirmed without slice {number}")
                return number
            found = self._store.get(self._key(f"slices/{number}"))
            before = self._stater.read("slice", found.value, self._token) if found else {}
            if before.get("run") == self._run.id:
                return number
            if decided.decision == CONFIRM and before.get("hosts") == stated:
                return number
            taken.append(f"{number} by run {before.get('run')}")
        words = f"the roll-out '{self._options.name}' has no place for this run: taken are {', '.join(taken)}"
        fix = "each slice runs once; give this one another rollout_slice, or the roll-out another rollout_name"
        raise SluiceError(f"{words}; {fix}")

    # The decision.

    def decision(self) -> SharedDecision:
        """Return how the roll-out ends, as far as it is known. Raises ``StoreFault``."""
        return self._decided(self._store.get(self._key("decision")))

    def _decided(self, found: KeyEntry | None) -> SharedDecision:
        if found is None:
            raise StoreFault(
                f"the decision of '{self._options.name}' is gone from the store; see who removes keys there"
            )
        try:
            content = json.loads(found.value)["statement"]
            decision = content["decision"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreFault(f"the store has no decision of Sluice: {error}; see who writes there") from error
        said = SharedDecision(str(decision), str(content.get("by") or "")[:200], str(content.get("why") or "")[:500])
        # Anybody may stop a roll-out, a host without a key as well. That all is well, one says who signs.
        if said.decision == CONFIRM:
            self._stater.read("decision", found.value, self._token)
        elif said.decision not in (UNDECIDED, ROLLBACK):
            raise StoreFault(f"the store has the decision {str(decision)[:40]!r}; see who writes there")
        return said

    def decide(self, decision: str, why: str) -> SharedDecision:
        """Decide, unless somebody was first; returns what is decided. Raises ``StoreFault``."""
        for _ in range(_MOST_TRIES):
            found = self._store.get(self._key("decision"))
            said = self._decided(found)
            if said.decision != UNDECIDED or found is None:
                return said
            by = f"{self.me}, run {self._run.id}"
            statement = self._stater.state(
                "decision", rollout=self._token, decision=decision, by=by, why=why, run=self._run.id
            )
            if self._store.compare_and_set(self._key("decision"), statement.to_bytes(), found.revision):
                return SharedDecision(decision, by, why)
        raise StoreFault(f"the store takes no decision of '{self._options.name}', and has none; see who writes there")

    def decide_in_time(self, decision: str, why: str, meanwhile: Meanwhile, say: Say) -> SharedDecision:
        """Decide, and wait for the store where it does not answer and others may have decided otherwise. Raises
        ``StoreFault``.
        """
        until = time.monotonic() + (self._options.wait if self.has_acknowledged_all else 0)
        while True:
            try:
                return self.decide(decision, why)
            except StoreUnreachable as error:
                if time.monotonic() >= until:
                    raise
                say(f"{self.me} waits for the store: {error}")
            meanwhile(_LOOK)

    # Waves.

    def begins(self, wave: Sequence[str]) -> int:
        """Note that this wave is switched now; returns its number, from 1 on."""
        for number, hosts in enumerate(self._waves, 1):
            if list(hosts) == list(wave):
                self._wave = number
                self._save()
                return number
        raise SluiceError(f"no wave of the plan has the hosts {', '.join(wave)}; run the play from its beginning")

    def acknowledge(self, outcomes: Mapping[str, str], meanwhile: Meanwhile, say: Say) -> None:
        """State what became of each host of the wave; an empty text is good. The wave is done if all are.

        A store that does not answer is waited for. Raises ``StoreFault``.
        """
        if not self._wave:
            return
        number, is_good = self._wave, not any(outcomes.values())
        values = {}
        for host, problem in outcomes.items():
            ack = {"ok": not problem, "problem": problem, "at": now(), "run": self._run.id}
            values[f"acks/{self.number}/{number}/{key_part(host)}"] = json.dumps(ack).encode()
        if is_good:
            # Before it is stored: the answer to that may be lost.
            self._acknowledged = number
            self._save()
            facts = {"rollout": self._token, "slice": self.number, "wave": number, "hosts": len(outcomes)}
            values[f"waves/{self.number}/{number}"] = self._stater.state("wave", **facts).to_bytes()
        until = time.monotonic() + self._options.wait
        while values:
            name, value = next(iter(values.items()))
            try:
                self._create(name, value)
                del values[name]
            except StoreUnreachable as error:
                say(f"{self.me} waits for the store: {error}")
                if time.monotonic() >= until or not meanwhile(_LOOK):
                    raise

    @property
    def has_acknowledged_all(self) -> bool:
        """Return whether others may have decided that all confirm, for all that this slice has said."""
        return self._acknowledged >= len(self._waves)

    def _slices(self) -> dict[int, dict[str, Any]]:
        """Return the slices that have begun."""
        if not self._begun:
            for entry in self._store.entries(self._key("slices")):
                self._begin(entry)
        for number in range(1, self._options.slices + 1):
            if number not in self._begun:
                self._begin(self._store.get(self._key(f"slices/{number}")))
        return self._begun

    def _begin(self, entry: KeyEntry | None) -> None:
        if entry is None:
            return
        number = whole_number(entry.key.rpartition("/")[2])
        said = self._stater.read("slice", entry.value, self._token)
        if number is None or said.get("slice") != number or not 1 <= number <= self._options.slices:
            raise SluiceError(f"{entry.key[:200]} in the store is another slice's; see who writes there")
        if not _is_slice(said):
            raise SluiceError(f"{entry.key} in the store has another form than a slice's; see who writes there")
        self._begun[number] = said

    def _open_wave(self, number: int, last: int) -> int:
        """Return the first wave of a slice, up to number ``last``, that is not done; 0 where all are."""
        for wave in range(1, last + 1):
            if (number, wave) not in self._ended:
                self._end(self._store.get(self._key(f"waves/{number}/{wave}")))
            if (number, wave) not in self._ended:
                return wave
        return 0

    def _end(self, entry: KeyEntry | None) -> None:
        if entry is None:
            return
        number, wave = map(whole_number, f"/{entry.key}".split("/")[-2:])
        said = self._stater.read("wave", entry.value, self._token)
        if number is not None and wave is not None and (said.get("slice"), said.get("wave")) == (number, wave):
            self._ended.add((number, wave))

    def _lacking(self, until: int | None) -> list[str]:
        """Return what is not done yet of the waves up to number ``until``, or of all, in words."""
        slices = self._slices()
        missing = [f"slice {number}" for number in range(1, self._options.slices + 1) if number not in slices]
        if missing:
            return [f"{each} has not begun" for each in missing]
        doubled = "" if self._are_apart else _twice(slices)
        if doubled:
            raise SluiceError(f"{doubled} is in two slices; give each slice hosts of its own by --limit")
        self._are_apart = True
        if not self._ended:
            for entry in self._store.entries(self._key("waves")):
                self._end(entry)
        found = []
        for number, said in sorted(slices.items()):
            last = len(said["waves"]) if until is None else min(until, len(said["waves"]))
            wave = self._open_wave(number, last)
            if wave:
                found.append(f"slice {number} is at wave {wave} of {len(said['waves'])}")
        return found

    # Waiting.

    def await_wave(self, wave: int, meanwhile: Meanwhile, say: Say) -> SharedDecision:
        """Wait until every slice has begun, and is done with the waves before number ``wave``.

        Returns what is decided; undecided, the wave may begin.
        """
        return self._await(wave - 1, meanwhile, say)

    def await_decision(self, meanwhile: Meanwhile, say: Say) -> SharedDecision:
        """Wait until it is decided how the roll-out ends, and decide it where all is done. Raises ``StoreUnreachable``
        where that cannot be known in time.
        """
        return self._await(None, meanwhile, say)

    def _await(self, wave: int | None, meanwhile: Meanwhile, say: Say) -> SharedDecision:
        until = time.monotonic() + self._options.wait
        failed: StoreUnreachable | None = None
        while True:
            try:
                decided, lacking = self._look(wave)
                if decided.decision != UNDECIDED or (wave is not None and not lacking):
                    return decided
                failed = None
                say(f"{self.me} waits: {listed(lacking, 3) or 'for the heartbeats of the others'}")
            except StoreUnreachable as error:
                failed = error
                say(f"{self.me} waits for the store: {error}")
            if time.monotonic() >= until:
                if failed is not None:
                    raise failed
                waited = f"{self.me} waited for {self._options.wait:g} s: {listed(lacking, 3)}"
                return self.decide(ROLLBACK, waited)
            if not meanwhile(min(_LOOK, self._fresh / 3)):
                return SharedDecision(UNDECIDED)

    def _look(self, wave: int | None) -> tuple[SharedDecision, list[str]]:
        """Look at everything once, and decide what is to be decided by it."""
        decided = self.decision()
        if decided.decision != UNDECIDED:
            return decided, []
        try:
            lacking = self._lacking(wave)
        except StoreFault:
            raise
        except SluiceError as error:
            return self.decide(ROLLBACK, str(error)), []
        heard = self._heartbeats.silences(self._store, is_urgent=wave is None and not lacking)
        silent = {number: seconds for number, seconds in heard.items() if 1 <= number <= self._options.slices}
        self._save()
        dead = [number for number, seconds in silent.items() if seconds > self._dead]
        if dead:
            words = f"slice {dead[0]} gave no heartbeat for {silent[dead[0]]:.0f} s"
            return self.decide(ROLLBACK, words), []
        is_fresh = len(silent) == self._options.slices - 1 and all(each <= self._fresh for each in silent.values())
        if wave is None and not lacking and is_fresh:
            return self.decide(CONFIRM, f"every wave of {count(self._options.slices, 'slice')} is done"), []
        return decided, lacking

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Give heartbeats while a step is at work."""
        try:
            with self._heartbeats.given():
                yield
        finally:
            self._store.close()

    # What is kept.

    def _key(self, name: str) -> str:
        return f"{key_part(self._options.name)}/{name}"

    def _create(self, name: str, value: bytes) -> bool:
        """Create a key, also where the answer to that was lost: what is there is then what was to be."""
        key = self._key(name)
        if self._store.create(key, value):
            return True
        found = self._store.get(key)
        return found is not None and found.value == value

    def _save(self) -> None:
        known = {
            "options": self._options.to_json(),
            "number": self.number,
            "token": self._token,
            "waves": self._waves,
            "wave": self._wave,
            "acknowledged": self._acknowledged,
            "hooked": self.is_hooked,
            "seen": self._heartbeats.seen,
            # A signature costs a process; each step would pay for it again.
            "verified": sorted(self._stater.verified),
        }
        write_text(self._file, json.dumps(known))


def _by_release(hosts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the hosts that get each release."""
    found: dict[str, list[str]] = {}
    for host, release in sorted(hosts.items()):
        found.setdefault(release, []).append(host)
    return found


def _is_slice(said: Mapping[str, Any]) -> bool:
    """Return whether a statement has what a slice states of itself: without a key, anybody may have written it."""
    hosts, waves = said.get("hosts"), said.get("waves")
    if not isinstance(hosts, dict) or not isinstance(waves, list):
        return False
    return all(isinstance(each, list) and all(isinstance(host, str) for host in each) for each in hosts.values())


def _twice(slices: Mapping[int, Mapping[str, Any]]) -> str:
    """Return a host that is in two slices; nothing where none is."""
    known: set[str] = set()
    for _, said in sorted(slices.items()):
        for host in itertools.chain.from_iterable(said["hosts"].values()):
            if host in known:
                return str(host)
            known.add(host)
    return ""
