"""What is done to a host next, decided from the run's journal alone. Pure: nothing here asks a host."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from .run_record import Event

__all__ = ["PLAN", "HostDecision", "HostHistory", "RunFaults", "RunState", "stories"]

PLAN = "plan"
"""The phase in which a run notes what its policy is, where that is not the usual one."""


class HostHistory(NamedTuple):
    """What is known of a host in this run: its last event of each phase."""

    host: str
    events: dict[str, Event]

    def said(self, phase: str, key: str) -> object:
        """Return what the host answered for ``key`` in a phase; None when it was not asked."""
        event = self.events.get(phase)
        return event.answer.get(key) if event else None

    @property
    def needs_change(self) -> bool:
        """Return whether preflight found another release live than the one wanted."""
        return bool(self.said("preflight", "changes_needed"))

    @property
    def touched(self) -> bool:
        """Return whether the host was asked to switch, whatever came of it."""
        return "activate" in self.events

    @property
    def switched(self) -> bool:
        """Return whether the host serves the new release, by its own word."""
        event = self.events.get("activate")
        return event is not None and event.good

    @property
    def is_back(self) -> bool:
        """Return whether a host that was touched serves again what it served before, by its own word."""
        final = self.events.get("retry_rollback") or self.events.get("finalize")
        if final is not None:
            is_rollback = final.answer.get("operation") == "rollback"
            return is_rollback and final.answer.get("rolled_back", final.good) is not False
        answer = self.events["activate"].answer
        lost = answer.get("unreachable_host") or answer.get("broken")
        return not self.events["activate"].good and not lost


class HostDecision(NamedTuple):
    """``operation`` is what the host is asked to do, or empty; then ``why`` says why nothing is."""

    operation: str
    why: str


def stories(events: Iterable[Event]) -> dict[str, HostHistory]:
    """Gather the events by host, in the order in which hosts first appear."""
    found: dict[str, HostHistory] = {}
    for event in events:
        if event.host:
            found.setdefault(event.host, HostHistory(event.host, {})).events[event.phase] = event
    return found


class RunFaults(NamedTuple):
    """What is wrong in a run so far: ``bad`` are the events that fail it. Hosts that are ``left_out`` could not be
    reached, and are as few as the budget of the run allows.
    """

    bad: list[Event]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, events: Iterable[Event]) -> RunFaults:
        """Return what is wrong by the journal of the run."""
        so_far = list(events)
        plans = [event.answer for event in so_far if event.phase == PLAN]
        budget = int(str(plans[-1].get("unreachable_budget") or 0)) if plans else 0
        bad = [event for event in so_far if not event.good]
        lost = tuple(dict.fromkeys(event.host for event in bad if _is_lost(event)))
        left_out = lost if len(lost) <= budget else ()
        return cls([event for event in bad if not (_is_lost(event) and event.host in left_out)], left_out)


def _is_lost(event: Event) -> bool:
    return bool(event.host) and bool(event.answer.get("unreachable_host"))


class RunState:
    """How a run has gone so far, by its journal, and what that means for each host."""

    def __init__(self, events: Iterable[Event]) -> None:
        so_far = list(events)
        self.stories = stories(so_far)
        faults = RunFaults.of(so_far)
        self._left_out = frozenset(faults.left_out)
        bad = faults.bad[0] if faults.bad else None
        self._failure = f"{bad.host or 'the run'} failed in {bad.phase}" if bad else ""

    def decide(self, phase: str, host: str, wave: Collection[str] | None = None) -> HostDecision:
        """Decide what ``phase`` means for a host: preflight, activate, bake, finalize or retry_rollback.

        ``activate`` and ``bake`` go over all hosts in each ``wave``: those of earlier waves are watched on, and being
        asked is the heartbeat that holds their watchdog off. ``finalize`` confirms where all is well and rolls back
        where anything is not; ``retry_rollback`` comes after it and rolls back whatever may be ahead of a host that
        could not be confirmed.
        """
        story = self.stories.get(host, HostHistory(host, {}))
        if phase == "preflight":
            return HostDecision("preflight", "")
        if phase in ("activate", "bake"):
            return self._on_the_way(phase, story, wave is None or host in wave)
        if not story.touched:
            return HostDecision("", "was not switched")
        is_out = host in self._left_out
        because = f"because {self._failure}" if self._failure else "because it could not be reached"
        if phase == "finalize":
            if self._failure and _was_rolled_back(story):
                return HostDecision("", "is rolled back already")
            return HostDecision("rollback", because) if self._failure or is_out else HostDecision("confirm", "")
        if phase == "retry_rollback":
            is_ahead = (self._failure or is_out) and _may_be_ahead(story)
            return HostDecision("rollback", because) if is_ahead else HostDecision("", "is finalized")
        raise ValueError(f"{phase!r} is no phase")

    def _on_the_way(self, phase: str, story: HostHistory, in_wave: bool) -> HostDecision:
        if self._failure:
            done = "switched" if phase == "activate" else "baked"
            return HostDecision("", f"not {done}, because {self._failure}")
        if story.host in self._left_out:
            return HostDecision("", "is left out, because it could not be reached")
        if story.switched:
            return HostDecision("bake", "its watchdog waits for a heartbeat" if phase == "activate" else "")
        if not story.needs_change:
            return HostDecision("", "serves this release already")
        if not in_wave:
            return HostDecision("", "is of a later wave")
        return HostDecision("activate", "") if phase == "activate" else HostDecision("", "was not switched")


def _was_rolled_back(story: HostHistory) -> bool:
    """Return whether a host was rolled back already, as it is where hooks put it back into its balancer after that."""
    finalized = story.events.get("finalize")
    return (
        finalized is not None and finalized.good and finalized.answer.get("operation") == "rollback" and story.is_back
    )


def _may_be_ahead(story: HostHistory) -> bool:
    """Return whether a host may have confirmed, whatever it answered, or has not gone back when it was asked to."""
    finalized = story.events.get("finalize")
    if finalized is None:
        return False
    return finalized.answer.get("operation") == "confirm" or not finalized.good
