"""What takes the judge and nginx's agent together: the judge asks and judges, the agent tells what it saw meanwhile.

What the agent says is an observation: it explains an answer, and makes no request hold that the judge saw fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..errors import SluiceError

__all__ = ["TOGETHER", "Parts", "made"]

_FINALIZED_SECONDS = 0.1
# Until a connection over QUIC has begun its request, and for how long new ones are looked at when all is done.
_HELD_SECONDS, _AFTER_SECONDS = 0.3, 1.0


class Parts(Protocol):
    """A stage, whose agents are asked each for itself."""

    def nginx(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the agent in nginx's container."""

    def judge(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the judge."""


def _checks(parts: Parts, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run checks, and tell what nginx logged meanwhile."""
    before = parts.nginx("logged", [{}])["count"]
    answer = parts.judge("checks", rows)
    return {**answer, "errors": parts.nginx("logged", [{"since": before}])["errors"]}


def _exchange(parts: Parts, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ask what is listed, from a fresh start where the first row, the settings, says so."""
    settings = rows[0]
    if settings["fresh"]:
        started = parts.nginx("anew", [{"caches": settings["caches"]}])
        if started["code"] or not started["workers"]:
            return {"answers": [], "started": started}
    before = parts.nginx("logged", [{}])["count"]
    answer = parts.judge("exchange", rows)
    return {**answer, "errors": parts.nginx("logged", [{"since": before}])["errors"]}


def _reload(parts: Parts, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Reload from the tree of ``live`` into that of ``own`` and back, under a load of requests to ``listeners``.

    ``sockets`` of a tree are those of a cold start, where they are known; all listeners answered then. Afterwards nginx
    serves the tree of its container, whatever happened; ``unrestored`` says why where it could not.
    Where both trees are the same one, nginx reloads into it once. ``unwatched`` says of QUIC listeners why they are not
    asked.
    """
    (wanted,) = rows
    own, live = wanted["own"], wanted["live"]
    ways = [own, live] if live["tree"] != own["tree"] else [own]
    answer: dict[str, Any] = {"steps": [], "unstarted": "", "answered": 0, "quic": 0, "failures": [], "unwatched": {}}
    listeners: list[dict[str, Any]] = list(wanted["listeners"])
    sockets = {to["tree"]: to["sockets"] for to in ways if "sockets" in to}
    try:
        # Only listeners that answer on both are asked.
        for to in [to for to in ways if to["tree"] not in sockets]:
            cold = parts.nginx("cold", [{"tree": to["tree"]}])
            if cold["problem"]:
                if to is own:
                    raise SluiceError(f"staging cannot reload: {cold['problem']}")
                answer["unstarted"] = cold["problem"]
                break
            sockets[to["tree"]] = cold["sockets"]
            answers = parts.judge("answering", listeners)
            listeners = answers["listeners"]
            answer["unwatched"] |= answers["unwatched"]
        else:
            plain = [each for each in listeners if not each.get("quic")]
            answer |= _there_and_back(parts, ways, wanted["seconds"], sockets, plain)
            quic = [each for each in listeners if each.get("quic")]
            if quic and not any(map(_is_bad, answer["steps"])):
                _over_quic(parts, ways, wanted["seconds"], sockets, quic, answer)
    finally:
        steps = answer["steps"]
        lost = [each for each in answer["failures"] if not each.get("quic")]
        went_well = len(steps) == len(ways) and not any(map(_is_bad, steps)) and not lost
        answer["unrestored"] = parts.nginx("restore", [{"went_well": went_well}])["problem"]
    return {**answer, "asked": [listener["words"] for listener in listeners]}


def _there_and_back(
    parts: Parts,
    ways: Sequence[Mapping[str, Any]],
    seconds: float,
    sockets: Mapping[str, Mapping[str, int]],
    listeners: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    parts.judge("load", [{"listeners": listeners}])
    try:
        time.sleep(_FINALIZED_SECONDS)
        for to in ways:
            parts.judge("load", [{"step": to["words"]}])
            steps.append(parts.nginx("reload", [{"to": to, "seconds": seconds, "sockets": sockets[to["tree"]]}]))
            if _is_bad(steps[-1]):
                break
    finally:
        ended = parts.judge("load", [{"stop": True}])
    return {"steps": steps, **ended}


def _over_quic(
    parts: Parts,
    ways: Sequence[Mapping[str, Any]],
    seconds: float,
    sockets: Mapping[str, Mapping[str, int]],
    listeners: Sequence[Mapping[str, Any]],
    answer: dict[str, Any],
) -> None:
    """Go the same way once more, with new connections over QUIC while a worker of before has a request to end.

    By itself, since connections that nginx gives to such a worker keep it: that is no fault of the release.
    """
    for to in ways:
        parts.judge("load", [{"listeners": listeners, "step": to["words"], "hold": True}])
        try:
            time.sleep(_HELD_SECONDS)
            step = parts.nginx("reload", [{"to": to, "seconds": seconds, "sockets": sockets[to["tree"]]}])
            if step["drained"] and not step["problem"]:
                parts.judge("load", [{"after": True}])
                time.sleep(_AFTER_SECONDS)
        finally:
            ended = parts.judge("load", [{"stop": True}])
        answer["quic"] += ended["answered"]
        answer["failures"] += ended["failures"]
        if step["problem"]:
            answer["steps"].append(step)
            return


def _is_bad(step: Mapping[str, Any]) -> bool:
    return bool(step["problem"]) or not step["drained"]


TOGETHER: Mapping[str, Callable[[Parts, Sequence[Mapping[str, Any]]], dict[str, Any]]] = {
    "checks": _checks,
    "exchange": _exchange,
    "reload": _reload,
}
"""What is asked of a stage and no agent does alone."""


def made(answer: Mapping[str, Any]) -> int:
    """Return how many requests the answer to one of ``TOGETHER`` stands for."""
    listed = answer.get("answers", answer.get("checks", ()))
    return len(listed) + int(answer.get("answered", 0))
