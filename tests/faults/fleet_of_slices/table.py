"""The fault table of a roll-out of three slices: what befalls it when, and how all of its hosts end.

``python -m tests.faults.fleet_of_slices.table`` prints it for people; README.md holds what it prints.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

__all__ = ["BEFORE", "EITHER", "KINDS", "NEW", "PHASES", "ROWS", "Story", "printed", "stories"]

NEW, BEFORE, EITHER = "new", "before", "either"
KINDS = ("nats", "etcd")

PHASES = {
    "before the first wave": "two slices wait for the third, which has not begun",
    "in the wave": "two slices are done and wait, the third host is about to switch",
    "before the decision": "all hosts serve the new release, the third slice is about to say so",
    "after the decision": "it is decided that all confirm; the second host is about to",
    "in the rollback": "the third host has failed; the second is about to go back",
}


class Story(NamedTuple):
    """A fault in a phase. All hosts end on the same release, one of ``outcome``; ``fast`` is part of every test run."""

    fault: str
    phase: str
    outcome: str
    kind: str
    fast: bool = False


# For each fault the outcome by phase; None where it is another row's.
ROWS: dict[str, dict[str, str]] = {
    "the coordinator is killed": {
        "before the first wave": BEFORE,
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
        "in the rollback": BEFORE,
    },
    "the node of another slice is killed": {
        "before the first wave": BEFORE,
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
        "in the rollback": BEFORE,
    },
    "all nodes are killed": {
        "in the wave": BEFORE,
        "before the decision": BEFORE,
        "after the decision": NEW,
    },
    "a node loses who gave it the work": {
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
    },
    "a node stands still for longer than the timeout": {
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
    },
    "the store is killed and restored": {
        "before the first wave": NEW,
        "in the wave": NEW,
        "before the decision": NEW,
        "after the decision": NEW,
    },
    "the store is killed for good": {
        "before the first wave": BEFORE,
        "in the wave": BEFORE,
        "before the decision": BEFORE,
    },
    "the store hangs for a while": {
        "in the wave": NEW,
        "after the decision": NEW,
    },
    "a node cannot reach the store for a while": {
        "in the wave": NEW,
        "after the decision": NEW,
    },
    "a node cannot reach the store any more": {
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
    },
    "a region is cut off for longer than the timeout": {
        "in the wave": EITHER,
        "before the decision": EITHER,
        "after the decision": NEW,
    },
    "two decide at once": {
        "in the wave": BEFORE,
        "before the decision": BEFORE,
        "after the decision": NEW,
    },
    "a clock is five minutes ahead": {"in the wave": NEW, "in the rollback": BEFORE},
    "a clock is five minutes behind": {"in the wave": NEW, "in the rollback": BEFORE},
    "nothing": {"in the wave": NEW, "in the rollback": BEFORE},
}
_FAST = {("the coordinator is killed", "after the decision", "etcd")}


def stories() -> list[Story]:
    """Return each row with each store."""
    return [
        Story(fault, phase, outcome, kind, (fault, phase, kind) in _FAST)
        for fault, row in ROWS.items()
        for phase, outcome in row.items()
        for kind in KINDS
    ]


def printed() -> str:
    """Return the table as Markdown."""
    rows = [f"| fault | {' | '.join(PHASES)} |", f"| --- |{' --- |' * len(PHASES)}"]
    rows += [f"| {fault} | {' | '.join(row.get(phase, '') for phase in PHASES)} |" for fault, row in ROWS.items()]
    told = "\n".join(f"- **{phase}**: {what}." for phase, what in PHASES.items())
    text = [
        "# Faults of a roll-out of slices",
        "Three execution nodes, each with its own state and one host, roll the same release out as slices. Nodes and "
        "hosts are containers. The work comes to a node by SSH and ansible-runner, as "
        "[on-node.sh](../../../examples/fleets/on-node.sh) sends it. "
        f"Each story is told with a real NATS and a real etcd, {len(stories())} in all.\n"
        "After it, nobody does anything any more, and every host that can be reached serves the same release, "
        "confirmed: *new* or the one from *before*. It is *either* where that depends on who is faster.",
        told,
        "\n".join(rows),
        '"For longer than the timeout" is longer than `rollout_confirm_timeout`, so that hosts decide by themselves.',
        "`make faults` tells all of them, and `make test` one.",
    ]
    return "\n\n".join(text) + "\n"


if __name__ == "__main__":
    sys.stdout.write(printed())
