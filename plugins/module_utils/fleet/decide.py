"""What is done to a host next, decided from the run's journal alone. Pure: nothing here asks a host."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from .record import Event

__all__ = ["Course", "Decision", "Story", "stories"]


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
        return "activate" in self.events

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


class Course:
    """How a run has gone so far, by its journal, and what that means for each host."""

    def __init__(self, events: Iterable[Event]) -> None:
        so_far = list(events)
        self.stories = stories(so_far)
        bad = next((event for event in so_far if not event.good), None)
        self._blame = f"{bad.host or 'the run'} failed in {bad.phase}" if bad else ""

    def decide(self, phase: str, host: str, wave: Collection[str] | None = None) -> Decision:
        """Decide what ``phase`` means for a host: preflight, activate, bake, settle or mend.

        ``activate`` and ``bake`` go over all hosts in each ``wave``: those of earlier waves are watched on, and being
        asked is the sign of life that holds their guard off. ``settle`` confirms where all is well and reverts where
        anything is not; ``mend`` comes after it and takes back whatever may be ahead of a host that could not be
        confirmed.
        """
        story = self.stories.get(host, Story(host, {}))
        if phase == "preflight":
            return Decision("preflight", "")
        if phase in ("activate", "bake"):
            return self._on_the_way(phase, story, wave is None or host in wave)
        if not story.touched:
            return Decision("", "was not switched")
        because = f"because {self._blame}"
        if phase == "settle":
            return Decision("revert", because) if self._blame else Decision("confirm", "")
        if phase == "mend":
            return Decision("revert", because) if self._blame and _may_be_ahead(story) else Decision("", "is settled")
        raise ValueError(f"{phase!r} is no phase")

    def _on_the_way(self, phase: str, story: Story, in_wave: bool) -> Decision:
        if self._blame:
            done = "switched" if phase == "activate" else "baked"
            return Decision("", f"not {done}, because {self._blame}")
        if story.switched:
            return Decision("bake", "its guard waits for a sign of life" if phase == "activate" else "")
        if not story.needs_change:
            return Decision("", "serves this release already")
        if not in_wave:
            return Decision("", "is of a later wave")
        return Decision("activate", "") if phase == "activate" else Decision("", "was not switched")


def _may_be_ahead(story: Story) -> bool:
    """Whether a host may have confirmed, whatever it answered, or has not gone back when it was asked to."""
    settled = story.events.get("settle")
    if settled is None:
        return False
    return settled.answer.get("operation") == "confirm" or not settled.good
