"""The trials of a run: on which hosts a release was switched to, from when until when, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .times import moment

__all__ = ["Trial", "bad_events", "trials"]

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """A release on a host. ``events`` are the numbers of its first and its last event in ``run.json``; ``ended`` is
    empty where the host was not back when the run ended. ``traffic`` is what its logs say, from the event ``counted``;
    -1 where it was asked for later.
    """

    host: str
    release: str
    began: str
    ended: str
    events: tuple[int, int]
    traffic: Mapping[str, Any] | None
    counted: int


def trials(events: Sequence[Event], asked: Mapping[str, Mapping[str, Any]]) -> list[Trial]:
    """Find the trials, in the order in which they began. ``asked`` is what hosts said of their logs after the run."""
    by_host: dict[str, list[tuple[int, Event]]] = {}
    for number, event in enumerate(events):
        if event["host"]:
            by_host.setdefault(event["host"], []).append((number, event))
    found = (_trial(host, story, asked.get(host)) for host, story in by_host.items())
    return sorted((trial for trial in found if trial is not None), key=lambda trial: trial.began)


def bad_events(events: Sequence[Event]) -> Iterable[tuple[int, Event]]:
    """Yield what failed, with its number, oldest first."""
    return ((number, event) for number, event in enumerate(events) if not event["good"])


def _trial(host: str, story: Sequence[tuple[int, Event]], later: Mapping[str, Any] | None) -> Trial | None:
    first = next(
        ((number, event) for number, event in story if event["phase"] == "activate" and _switched(event)), None
    )
    if first is None:
        return None
    number, activated = first
    last, ended = number, ""
    traffic, counted = None, -1
    for place, event in story:
        if place < number:
            continue
        if not ended and (back := _back_at(event)):
            last, ended = place, back
        if isinstance(event["answer"].get("traffic"), dict):
            traffic, counted = event["answer"]["traffic"], place
    wanted = next((event["answer"].get("release") for _, event in story if event["phase"] == "preflight"), None)
    return Trial(
        host=host,
        release=str(wanted or activated["answer"].get("release") or ""),
        began=str(activated["answer"].get("asked") or activated["at"]),
        ended=ended,
        events=(number, last),
        traffic=traffic if traffic is not None else later,
        counted=counted,
    )


def _switched(event: Event) -> bool:
    """Whether the host was switched, or may have been: one that was lost meanwhile cannot tell."""
    answer = event["answer"]
    return bool(event["good"]) or answer.get("reverted") is not None or bool(answer.get("unreachable_host"))


def _back_at(event: Event) -> str:
    """When a host served again what it served before; empty where the event does not say so."""
    answer = event["answer"]
    if answer.get("reverted") is True:
        return str(event["at"])
    if answer.get("operation") != "revert" or not event["good"] or answer.get("reverted") is False:
        return ""
    # Somebody else was first, mostly the host's guard, and the host says when.
    told = str(answer.get("note") or "").rpartition(" at ")[2]
    return told if moment(told) else str(event["at"])
