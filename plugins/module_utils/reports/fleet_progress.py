"""What is shown while hosts are asked: each as it answers, and in one line who is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..textfmt import count, listed, short
from .screen import Screen, Tone

__all__ = ["FleetProgress"]

# Of more hosts, those that are well are counted.
_MOST_HOSTS = 12
_MOST_NAMES = 3


class FleetProgress:
    """Shows how hosts answer in a step of a roll-out. ``now`` is the line of what is waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._screen: Screen | None = None
        self._doing, self._asked, self._bake = "", 0, 0.0
        # In the order in which they are asked.
        self._waiting: dict[str, None] = {}
        self._requests: dict[str, int] = {}
        self._began = time.monotonic()
        self._good: dict[str, list[Mapping[str, Any]]] = {}

    def asks(self, screen: Screen, operations: Mapping[str, str], bake: float) -> None:
        """Take note of the hosts that are asked, and for what; ``bake`` is for how many seconds they are watched."""
        with self._lock:
            self._screen, self._waiting, self._asked, self._good = (
                screen,
                dict.fromkeys(operations),
                len(operations),
                {},
            )
            self._doing = " and ".join(dict.fromkeys(_DOING.get(each, each) for each in operations.values()))
            self._began, self._bake = time.monotonic(), bake

    def answered(self, host: str, operation: str, answer: Mapping[str, Any]) -> None:
        """Take note of an answer. Where hosts are few, and where it is bad, it is shown."""
        baked = answer.get("bake")
        is_good = answer.get("ok") and not (isinstance(baked, Mapping) and baked.get("problems"))
        with self._lock:
            self._waiting.pop(host, None)
            self._requests[host] = self._requests.get(host, 0) + _requests(answer) + _requests(baked)
            if is_good:
                self._good.setdefault(operation, []).append(answer)
        said = _SAID.get(operation)
        if said and is_good and self._asked <= _MOST_HOSTS:
            self._show(f"  {host}: {said(answer)}", "good")

    def all_answered(self) -> None:
        """Show in one line what many hosts did, and what a preflight found."""
        with self._lock:
            good, self._waiting = self._good, {}
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
            waiting, doing, bake, asked = list(self._waiting), self._doing, self._bake, self._asked
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
