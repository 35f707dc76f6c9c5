"""What is shown while a run goes on: verdicts as they fall, hosts as they answer, and in one line what runs now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..textfmt import count, cut, excerpt, listed, short
from ..verdicts.watching import Watcher
from .console import findings_text, mark_of

if TYPE_CHECKING:
    from ..gating.examine import Candidate
    from ..redactor.redactor import Redactor
    from ..verdicts.model import Verdict

__all__ = ["FleetProgress", "GatesProgress", "Screen", "Tone", "verdict_line"]

# Of more releases, those that pass are counted; of more hosts, those that are well are.
_MOST_RELEASES = 3
_MOST_HOSTS = 12
_MOST_NAMES = 3
_MOST_LINES = 24
_WIDEST = 110
_GATE, _MARK = 10, 12

Tone = str
"""How a line is meant: ``good``, ``bad``, ``unsure`` or nothing."""

_TONES = {"pass": "good", "fail": "bad", "inconclusive": "unsure"}


class Screen(Protocol):
    """Where it is shown. Both may be called on any thread."""

    def line(self, text: str, tone: Tone = "") -> None:
        """Show a line that stays."""

    def text(self, text: str, tone: Tone = "") -> None:
        """Show several lines that stay."""


def verdict_line(verdict: Verdict) -> str:
    """Return the line of a verdict: gate, verdict, time, and what it says."""
    mark = mark_of(verdict)
    said = f"{verdict.gate.ljust(_GATE)} {mark.ljust(_MARK if len(mark) > 8 else 8)} {verdict.seconds:4.1f} s"
    return f"{said}  {cut(verdict.summary, _WIDEST)}"


class _Running(NamedTuple):
    """A gate that runs."""

    asked: Callable[[], int]


class GatesProgress:
    """Shows how releases go through the gates. ``now`` is the line of what runs, for whoever draws it.

    Each verdict is shown when it falls, with the first findings of one that failed. Of many releases, those that pass
    are counted instead.
    """

    def __init__(self, screen: Screen, door: Redactor, releases: int) -> None:
        self._screen = screen
        self._door = door
        self._releases = releases
        self._lock = threading.Lock()
        self._watching: dict[str, _OneRelease] = {}
        self._done = self._failed = 0

    def of(self, candidate: Candidate) -> Watcher:
        """Return who watches a candidate."""
        release = candidate.release
        name = f"{short(release.id if release else None)} for {listed(candidate.hosts, _MOST_NAMES)}"
        watcher = _OneRelease(self, name if self._releases > 1 else "")
        with self._lock:
            self._watching[name] = watcher
        if self._releases == 1:
            self._screen.line(f"gates of release {name}")
        return watcher

    def now(self) -> str:
        """Return what runs now, in one line; nothing where nothing does."""
        with self._lock:
            running = list(self._watching.values())
            done, failed = self._done, self._failed
        parts = [part for part in (each.now() for each in running) if part]
        if self._releases == 1:
            return parts[0] if parts else ""
        if not running:
            return ""
        bad = f", {failed:,} failed" if failed else ""
        return f"{done:,} of {count(self._releases, 'release')}{bad} · {listed(parts, 2) or 'waiting'}"

    def ended(self, watcher: _OneRelease) -> None:
        """Take note that a release is through."""
        with self._lock:
            self._watching = {name: each for name, each in self._watching.items() if each is not watcher}
            self._done += 1
            self._failed += watcher.is_bad
        if self._releases > 1 and (watcher.is_bad or self._releases <= _MOST_RELEASES):
            self._screen.line(watcher.outcome(), "bad" if watcher.is_bad else "good")

    def show(self, verdict: Verdict, name: str) -> None:
        """Show a verdict, and the findings of one that did not pass."""
        verdict = self._door.data(verdict)
        if self._releases > 1 and verdict.result in ("pass", "not run"):
            return
        before = f"{name}: " if name else "  "
        self._screen.line(before + verdict_line(verdict), _TONES.get(verdict.result, ""))
        if verdict.result == "fail":
            found = [f"    {line}" for line in findings_text([verdict]).splitlines()]
            self._screen.text("\n".join(excerpt(found, _MOST_LINES, ", in the table at the end")), "bad")


class _OneRelease(Watcher):
    """How one release goes through the gates."""

    def __init__(self, all_of_them: GatesProgress, name: str) -> None:
        self._all = all_of_them
        self._name = name
        self._began = time.monotonic()
        self._running: dict[str, _Running] = {}
        self._passed = 0
        self._failed: list[str] = []
        self._waits: Callable[[], str] = str
        self._search = ""

    @property
    def is_bad(self) -> bool:
        """Return whether a gate did not pass."""
        return bool(self._failed)

    def waits(self, on: Callable[[], str]) -> None:
        self._waits = on

    def began(self, gate: str, asked: Callable[[], int]) -> None:
        self._running[gate] = _Running(asked)

    def fell(self, verdict: Verdict) -> None:
        self._running.pop(verdict.gate, None)
        self._passed += verdict.result == "pass"
        self._failed += [verdict.gate] if verdict.result != "pass" else []
        self._all.show(verdict, self._name)

    def tried(self, gate: str, trials: int) -> None:
        self._search = f"searching the culprit of {gate}, {count(trials, 'trial')}"

    def ended(self) -> None:
        self._all.ended(self)

    def outcome(self) -> str:
        """Return what became of the release, in one line."""
        said = f"not passed: {', '.join(self._failed)}" if self._failed else "all passed"
        return (
            f"{self._name}: {count(self._passed, 'gate')} passed, {said}" if self._failed else f"{self._name}: {said}"
        )

    def now(self) -> str:
        """Return what runs for it now."""
        gates = [_counted(gate, running.asked()) for gate, running in list(self._running.items())]
        doing = [self._search] if self._search else [*gates, *([self._waits()] if self._waits() else [])]
        took = f"{time.monotonic() - self._began:.0f} s"
        name = f"{self._name}: " if self._name else "  "
        idle = "ending" if self._passed or self._failed else "reading the release"
        return name + " · ".join([*(doing or [idle]), took])


def _counted(gate: str, asked: int) -> str:
    return f"{gate} ({count(asked, 'request')})" if asked else gate


class FleetProgress:
    """Shows how hosts answer in a step of a roll-out. ``now`` is the line of what is waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._screen: Screen | None = None
        self._doing, self._waiting, self._asked, self._bake = "", list[str](), 0, 0.0
        self._requests: dict[str, int] = {}
        self._began = time.monotonic()
        self._good: dict[str, list[Mapping[str, Any]]] = {}

    def asks(self, screen: Screen, operations: Mapping[str, str], bake: float) -> None:
        """Take note of the hosts that are asked, and for what; ``bake`` is for how many seconds they are watched."""
        with self._lock:
            self._screen, self._waiting, self._asked, self._good = screen, list(operations), len(operations), {}
            self._doing = " and ".join(dict.fromkeys(_DOING.get(each, each) for each in operations.values()))
            self._began, self._bake = time.monotonic(), bake

    def answered(self, host: str, operation: str, answer: Mapping[str, Any]) -> None:
        """Take note of an answer. Where hosts are few, and where it is bad, it is shown."""
        baked = answer.get("bake")
        is_good = answer.get("ok") and not (isinstance(baked, Mapping) and baked.get("problems"))
        with self._lock:
            self._waiting = [each for each in self._waiting if each != host]
            self._requests[host] = self._requests.get(host, 0) + _requests(answer) + _requests(baked)
            if is_good:
                self._good.setdefault(operation, []).append(answer)
        said = _SAID.get(operation)
        if said and is_good and self._asked <= _MOST_HOSTS:
            self._show(f"  {host}: {said(answer)}", "good")

    def all_answered(self) -> None:
        """Show in one line what many hosts did, and what a preflight found."""
        with self._lock:
            good, self._waiting = self._good, []
        for operation, answers in good.items():
            said = _SAID.get(operation)
            if operation == "preflight":
                self._show(_preflight(answers), "good")
            elif said and self._asked > _MOST_HOSTS:
                words = listed(list(dict.fromkeys(said(each) for each in answers)), _MOST_NAMES, " or ")
                self._show(f"  {count(len(answers), 'host')}: {words}", "good")

    def _show(self, line: str, tone: Tone) -> None:
        if self._screen is not None:
            self._screen.line(line, tone)

    def now(self) -> str:
        """Return what is waited for, in one line; nothing where nothing is."""
        with self._lock:
            waiting, doing, bake, asked = self._waiting, self._doing, self._bake, self._asked
            passed, requests = time.monotonic() - self._began, sum(self._requests.values())
        if not waiting:
            return ""
        done = f"{asked - len(waiting):,} of {count(asked, 'host')} answered · " if asked > 1 else ""
        left = f" of {bake:.0f} s of bake" if bake else ""
        seen = f" · {count(requests, 'request')} seen" if requests else ""
        return f"  {doing} · {done}waiting for {listed(waiting, _MOST_NAMES)} · {passed:.0f} s{left}{seen}"


_DOING = {
    "preflight": "looking at the hosts",
    "activate": "activating",
    "bake": "baking",
    "confirm": "confirming",
    "rollback": "rolling back",
    "probe": "asking what the hosts serve and have",
}


def _requests(answer: object) -> int:
    found = answer.get("requests") if isinstance(answer, Mapping) else None
    return found if isinstance(found, int) else 0


def _checks(answer: Mapping[str, Any]) -> list[str]:
    rows = answer.get("checks")
    checks = rows if isinstance(rows, Sequence) else ()
    if not checks:
        return []
    rows = [row for row in checks if isinstance(row, Mapping)]
    untested = sum(bool(row.get("untested")) for row in rows)
    held, asked = sum(bool(row.get("ok")) for row in rows) - untested, len(checks) - untested
    also = [f"{untested:,} not tested there"] if untested else []
    if held < asked:
        return [f"{held:,} of {count(asked, 'check')} hold", *also]
    return [*([f"{count(held, 'check')} {'holds' if held == 1 else 'hold'}"] if asked else []), *also]


def _activated(answer: Mapping[str, Any]) -> str:
    baked = answer.get("bake")
    return ", ".join(["activated", *_checks(answer), *(_seen(baked) if isinstance(baked, Mapping) else ())])


def _baked(answer: Mapping[str, Any]) -> str:
    return ", ".join(["baked", *_checks(answer), *_seen(answer)])


def _seen(baked: Mapping[str, Any]) -> list[str]:
    return [f"{count(_requests(baked), 'request')} seen"] if "requests" in baked else []


def _confirmed(_: Mapping[str, Any]) -> str:
    return "confirmed"


def _rolled_back(answer: Mapping[str, Any]) -> str:
    serves = answer.get("live") or answer.get("release")
    return f"rolled back to {short(serves)}" if serves else "rolled back"


_SAID: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "activate": _activated,
    "bake": _baked,
    "confirm": _confirmed,
    "rollback": _rolled_back,
}


def _preflight(good: Sequence[Mapping[str, Any]]) -> str:
    wanting = sum(bool(each.get("changes_needed")) for each in good)
    serving = len(good) - wanting
    parts = [f"{count(wanting, 'host')} can take the release"] if wanting else []
    parts += [f"{count(serving, 'host')} {'serves' if serving == 1 else 'serve'} it already"] if serving else []
    return f"preflight: {', '.join(parts)}"
