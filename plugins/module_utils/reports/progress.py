"""What is shown while releases go through the gates: verdicts as they fall, and in one line what runs now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..textfmt import count, cut, excerpt, listed, short
from ..verdicts.watching import Watcher
from .console import findings_text, mark_of
from .screen import Screen

if TYPE_CHECKING:
    from ..gating.examine import Candidate
    from ..redactor.redactor import Redactor
    from ..verdicts.model import Verdict

__all__ = ["GatesProgress", "verdict_line"]

# Of more releases, those that pass are counted.
_MOST_RELEASES = 3
_MOST_NAMES = 3
_MOST_LINES = 24
_WIDEST = 110
_GATE, _MARK = 10, 12

_TONES = {"pass": "good", "fail": "bad", "inconclusive": "unsure"}


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
