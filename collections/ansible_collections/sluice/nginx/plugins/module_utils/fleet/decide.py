"""What is done to a host next, decided from the run's journal alone. Pure: nothing here asks a host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .record import Event

__all__ = ["Decision", "Story", "decide", "stories"]

# Phases after which a host may have something of this run on it.
_SWITCHING = ("activate",)


class Story(NamedTuple):
    """What is known of a host in this run: its last event of each phase."""

    host: str
    events: dict[str, Event]

    def said(self, phase: str, key: str) -> object:
        """Tell what the host answered for ``key`` in a phase; None when it was not asked."""
        event = self.events.get(phase)
        return event.answer.get(key) if event else None

    @property
    def needs_change(self) -> bool:
        """Whether preflight found another release live than the one wanted."""
        return bool(self.said("preflight", "changes_needed"))

    @property
    def touched(self) -> bool:
        """Whether the host was asked to switch, whatever came of it."""
        return any(phase in self.events for phase in _SWITCHING)

    @property
    def switched(self) -> bool:
        """Whether the host serves the new release, by its own word."""
        event = self.events.get("activate")
        return event is not None and event.good


class Decision(NamedTuple):
    """``operation`` is what the host is asked to do, or empty; then ``why`` says why nothing is."""

    operation: str
    why: str


def stories(events: Iterable[Event]) -> dict[str, Story]:
    """Gather the events by host, in the order in which hosts first appear."""
    found: dict[str, Story] = {}
    for event in events:
        if event.host:
            found.setdefault(event.host, Story(event.host, {})).events[event.phase] = event
    return found


def _first_bad(events: Iterable[Event]) -> Event | None:
    return next((event for event in events if not event.good), None)


def decide(phase: str, host: str, events: Iterable[Event]) -> Decision:
    """Decide what ``phase`` means for a host: preflight, activate, bake, settle or mend.

    ``settle`` confirms where all is well and reverts where anything is not; ``mend`` comes after it and takes back what
    was confirmed when another host could not be.
    """
    so_far = list(events)
    story = stories(so_far).get(host, Story(host, {}))
    bad = _first_bad(so_far)
    blame = f"{bad.host or 'the run'} failed in {bad.phase}" if bad else ""
    if phase == "preflight":
        return Decision("preflight", "")
    if phase == "activate":
        if bad:
            return Decision("", f"not switched, because {blame}")
        return Decision("activate", "") if story.needs_change else Decision("", "serves this release already")
    if phase == "bake":
        if bad:
            return Decision("", f"not baked, because {blame}")
        return Decision("bake", "") if story.switched else Decision("", "was not switched")
    if not story.touched:
        return Decision("", "was not switched")
    if phase == "settle":
        return Decision("revert", f"because {blame}") if bad else Decision("confirm", "")
    if phase == "mend":
        confirmed = story.events.get("settle")
        if bad and confirmed is not None and confirmed.answer.get("operation") == "confirm":
            return Decision("revert", f"because {blame}")
        return Decision("", "is settled")
    raise ValueError(f"{phase!r} is no phase")
