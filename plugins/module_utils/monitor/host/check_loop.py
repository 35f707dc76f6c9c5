"""The checks that nobody outside can hold the host to: the host asks them itself, with the client of the gates."""

from __future__ import annotations

import sys
import time
from threading import Lock, Thread
from typing import Any, NamedTuple

from ...contract.client import Outcome, run_checks
from ...contract.model import Check, from_json
from ...contract.showing import shown_name, shown_url
from ...untrusted import printable
from .check_source import check_id, is_safe, on_host
from .exposition import Metrics

__all__ = ["CheckLoop"]

# Longer than a round: a machine that is busy for a moment is no fault of the release.
_TIMEOUT = 8.0
_WORKERS = 8
# An outcome of so many rounds before says nothing of now.
_ROUNDS = 3


class _Asked(NamedTuple):
    """What came of a check, and when, by the monotonic clock: a change of the time of day makes nothing old or new."""

    outcome: Outcome
    at: float


class CheckLoop:
    """Asks again and again, beside everything else: a host that hangs must not keep the program from telling it.

    Each check is asked by itself, so one that hangs holds none of the others. Whatever goes wrong is among
    ``problems``, and an outcome that is old is told no more.
    """

    def __init__(self, every: float, unsafe: bool) -> None:
        self._every, self._unsafe = every, unsafe
        self._stale = _ROUNDS * (every + _TIMEOUT)
        self._contract: list[dict[str, Any]] = []
        self._sorted: list[tuple[str, str, Check]] = []
        self._hosts: set[str] = set()
        self._unread: list[str] = []
        self._taken_at = time.monotonic()
        self._outcomes: dict[str, _Asked] = {}
        self._lock = Lock()
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._fault: tuple[float, str] | None = None
        self._threads: list[Thread] = []

    def keep_on(self) -> list[str]:
        """Begin to ask what ``take`` was given, or go on with it; returns what has ended by itself and begins anew."""
        alive = [thread for thread in self._threads if thread.is_alive()]
        dead = len(self._threads) - len(alive)
        self._threads = alive
        while len(self._threads) < _WORKERS:
            thread = Thread(target=self._go_on, daemon=True)
            thread.start()
            self._threads.append(thread)
        return [f"{dead} of {_WORKERS} threads that ask had ended, and were started anew"] if dead else []

    def take(self, contract: list[dict[str, Any]]) -> None:
        """Ask this contract from now on: rows as a release stores them. What is no check is among ``problems``."""
        if contract == self._contract:
            return
        found = []
        unread = []
        for row in contract:
            try:
                check = from_json(row)
                allowed = self._unsafe or is_safe(check)
                by = ("host" if on_host(check) else "probe") if allowed else "nobody"
                found.append((check_id(row), by, check))
            except Exception as error:
                unread.append(f"a check of the release cannot be read: {type(error).__name__}: {error}")
        with self._lock:
            self._contract, self._sorted, self._unread = contract, found, unread
            self._hosts = {check.host for _, _, check in found}
            self._outcomes, self._due, self._busy = {}, {}, set()
            self._taken_at = time.monotonic()

    def _go_on(self) -> None:
        while True:
            try:
                if not self.ask():
                    time.sleep(self._rest())
            except Exception as error:
                # What stops here would be told as it last was, for ever.
                self._fault = time.monotonic(), f"a check could not be asked: {type(error).__name__}: {error}"
                time.sleep(self._every)

    def ask(self) -> bool:
        """Ask the check that has waited longest, if one is due; returns whether one was."""
        with self._lock:
            now = time.monotonic()
            waiting = [
                (self._due.get(name, 0.0), name, check)
                for name, by, check in self._sorted
                if by == "host" and name not in self._busy and self._due.get(name, 0.0) <= now
            ]
            if not waiting:
                return False
            _, name, check = min(waiting, key=_when)
            rows, hosts, busy = self._sorted, self._hosts, self._busy
            busy.add(name)
            self._due[name] = now + self._every
        try:
            (outcome,) = run_checks([check], timeout=_TIMEOUT, workers=1, hosts=hosts, lenient=True)
        finally:
            with self._lock:
                busy.discard(name)
        self._note(rows, name, outcome)
        return True

    def _note(self, rows: list[tuple[str, str, Check]], name: str, outcome: Outcome) -> None:
        with self._lock:
            if rows is not self._sorted:
                return
            before = self._outcomes.get(name)
            self._outcomes[name] = _Asked(outcome, time.monotonic())
        if not outcome.ok and (before is None or outcome.problems != before.outcome.problems):
            sys.stderr.write(printable(f"{outcome.name}: {'; '.join(outcome.problems)}") + "\n")

    def _rest(self) -> float:
        with self._lock:
            now = time.monotonic()
            due = min([at for name, at in self._due.items() if name not in self._busy], default=now + self._every)
        return min(max(due - now, 0.05), self._every)

    def problems(self) -> list[str]:
        """Return what is not asked as it should be."""
        now = time.monotonic()
        with self._lock:
            silent = [
                check.name
                for name, by, check in self._sorted
                if by == "host"
                and now - (self._outcomes[name].at if name in self._outcomes else self._taken_at) > self._stale
            ]
            found = list(self._unread)
        if silent:
            found.append(
                f"no outcome for {self._stale:g} s of {', '.join(silent[:3])}{' and more' * (len(silent) > 3)}"
            )
        if self._fault is not None and now - self._fault[0] <= self._stale:
            found.append(self._fault[1])
        return found

    def tell(self, metrics: Metrics) -> None:
        """Tell who asks each check, and what came back of those that are asked here; nothing that is old."""
        now = time.monotonic()
        with self._lock:
            rows, outcomes = self._sorted, dict(self._outcomes)
        untested = {name for name, asked in outcomes.items() if asked.outcome.untested}
        for name, by, check in rows:
            text = "A check of the release that is live, and who asks it."
            # One that cannot be asked here is asked by nobody.
            asker = "nobody" if name in untested else by
            metrics.gauge(
                "sluice_check_info", text, 1, check_id=name, check=shown_name(check.name, check.url), by=asker
            )
        for name, _, check in rows:
            asked = outcomes.get(name)
            if asked is not None and name not in untested and now - asked.at <= self._stale:
                outcome = asked.outcome
                labels = {"check_id": name, "check": shown_name(check.name, check.url), "site": check.site}
                labels["url"] = shown_url(check.url)
                metrics.gauge(
                    "sluice_check_success", "Whether a check holds that the host asks itself.", outcome.ok, **labels
                )
                metrics.gauge("sluice_check_seconds", "How long its answer took.", outcome.ms / 1000, **labels)
                metrics.gauge(
                    "sluice_check_status", "The status of its answer, 0 for none.", outcome.status or 0, **labels
                )


def _when(waiting: tuple[float, str, Check]) -> float:
    return waiting[0]
