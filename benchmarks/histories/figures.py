"""The three figures of a replayed history, and which gates stopped what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from .replay import Outcome
from .transitions import BAD, COSMETIC, GOOD

__all__ = ["lines", "precision", "share"]


def share(outcomes: Sequence[Outcome], label: str) -> tuple[int, int]:
    """Return how many with a label are stopped, and how many there are."""
    found = [outcome for outcome in outcomes if outcome.label == label]
    return sum(outcome.stopped for outcome in found), len(found)


def precision(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Return how many of the stopped ones are bad, and how many labelled ones are stopped."""
    stopped = [outcome for outcome in outcomes if outcome.label and outcome.stopped]
    return sum(outcome.label == BAD for outcome in stopped), len(stopped)


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the figures as lines for a person."""
    for label in (GOOD, COSMETIC, BAD, ""):
        stopped, every = share(outcomes, label)
        if every:
            yield f"{label or 'not labelled'}: {stopped} of {every} stopped ({stopped / every:.0%})"
    right, stopped = precision(outcomes)
    if stopped:
        yield f"precision of a stop: {right} of {stopped} ({right / stopped:.0%})"
    if outcomes:
        yield f"median {median(outcome.seconds for outcome in outcomes):.0f} s a change"
    for label in (GOOD, BAD, ""):
        gates = Counter(gate for each in outcomes if each.label == label for gate in each.stopped_by)
        if gates:
            named = ", ".join(f"{gate} {number}" for gate, number in gates.most_common())
            yield f"gates that stopped {label or 'changes'}: {named}"
