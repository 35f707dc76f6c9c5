"""The whole fault table: every pair of a fault and a phase that makes sense, and why the others do not.

``python -m tests.faults.table.table`` prints it for people; README.md holds what it prints.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NamedTuple

from tests.faults.table import in_fleet, on_host, on_plain_host
from tests.faults.table.words import EITHER, PHASES, Row

__all__ = ["ELSEWHERE", "FLEET", "HOST", "PAIRS", "PLAIN", "Pair", "printed"]

# Where a story plays: on one host with systemd, on one without, or with ansible-playbook on three.
HOST, PLAIN, FLEET = "host", "plain host", "fleet"


class Pair(NamedTuple):
    """A fault in a phase, and where it is told."""

    fault: str
    phase: str
    story: str
    outcome: str
    by: str
    says: str
    fast: bool
    level: str


def _pairs(level: str, rows: Mapping[str, list[Row]]) -> list[Pair]:
    return [Pair(fault, *row, level) for fault, each in rows.items() for row in each]


PAIRS = [*_pairs(HOST, on_host.ROWS), *_pairs(PLAIN, on_plain_host.ROWS), *_pairs(FLEET, in_fleet.ROWS)]

_ONE_REQUEST = (
    "until a host has activated, the controller only waits for one answer, and the host acts alone: "
    "before the swap and during checks stand for what is between them"
)
_BAKES = "between waves a host bakes, and the rest of the fleet is not concerned"
_AT_RELOAD = "nginx looks at it in a reload: an earlier fault is found there, and a later one in the next reload"
_ADMITTED = "it is looked at once, before anything is touched"

ELSEWHERE: dict[str, str] = {
    "controller killed": _ONE_REQUEST,
    "SSH cut for one host, for good": _ONE_REQUEST,
    "SSH cut for one host, for a while": f"{_ONE_REQUEST}; what a lost answer does to an end is in the row above",
    "SSH cut for all hosts, for good": f"{_ONE_REQUEST}; its ends are those of a killed controller",
    "SSH cut for all hosts, for a while": "for the hosts it is the cut of one host",
    "host killed and booted again": "",
    "host hangs": f"{_ONE_REQUEST}; a host that hangs in its confirm or roll back is one that is cut",
    "engine killed": "during the bake the engine does not run, or only reads",
    "engine hangs": "the watchdog ends it wherever it hangs, and goes on as after its death",
    "nginx not running": "once the release is pending, it is the next row",
    "nginx killed": f"before, it is the row above; {_BAKES}",
    "nginx replaced by another version": "its restart during an activation is that of nginx killed",
    "port taken": _AT_RELOAD,
    "zone size changed": _AT_RELOAD,
    "zone type changed": _AT_RELOAD,
    "zone key changed": _AT_RELOAD,
    "page never answers": "only checks ask for pages; the bake asks the same ones",
    "log directory read-only": _AT_RELOAD,
    "disk full": f"nothing is written meanwhile; {_BAKES}",
    "state file truncated": f"it is read at the beginning of a request and written at the next phase; {_BAKES}",
    "watchdog stopped": "it acts only when the run gives no heartbeat",
    "watchdog killed": "its process exists only when the first deadline has passed",
    "clock an hour ahead": "no time of day is looked at in between",
    "clock an hour behind": "no time of day is looked at in between",
    "two runs at once": "from its beginning to its end an activation holds the host, as it does before the swap",
    "third run while a rollback runs": "there is no rollback",
    "confirm before the watchdog": "nobody confirms",
    "confirm after the watchdog": "nobody confirms",
    "confirm and watchdog at once": "nobody confirms",
    "receipt signed by a stranger": _ADMITTED,
    "signature of another receipt": _ADMITTED,
    "receipt unsigned": _ADMITTED,
    "receipt of another release": _ADMITTED,
    "receipt without a gate": _ADMITTED,
    "receipt expired": _ADMITTED,
    "bundle changed by one byte": _ADMITTED,
    "Python missing": "a process that runs needs no python3 in the path; the next one is the bake's",
}
"""Why a fault makes no sense, or is no other story, in the phases that have none."""


_INTRODUCTION = """\
# The fault table

Printed by `python -m tests.faults.table.table`. {stories} stories of {pairs} pairs; each is a test.
`make faults` tells all of them, `make test` those with a star. A cell says how the host ends, with nobody doing
anything: on the *new* release, confirmed, on the one from *before*, or on an *older* one where nothing else is left.
"""


def printed() -> str:
    """Print the table for people."""
    pairs = sorted(PAIRS, key=lambda pair: list(ELSEWHERE).index(pair.fault))
    lines = [_INTRODUCTION.format(stories=len(pairs), pairs=len({pair[:2] for pair in pairs}))]
    lines += [_line("fault", *PHASES), _line(*["---"] * (len(PHASES) + 1))]
    for fault in dict.fromkeys(pair.fault for pair in pairs):
        cells = [{pair.outcome for pair in pairs if pair[:2] == (fault, phase)} for phase in PHASES]
        lines.append(_line(fault, *(", ".join(sorted(cell)) for cell in cells)))
    lines += ["", "## Where a cell is empty", "", _line("fault", "why"), _line("---", "---")]
    lines += [_line(fault, why) for fault, why in ELSEWHERE.items() if why]
    columns = ["fault", "phase", "where", "story", "ends", "ended by"]
    lines += ["", "## The stories", "", _line(*columns), _line(*["---"] * len(columns))]
    for pair in pairs:
        star, by = " \\*" if pair.fast else "", "either" if pair.outcome == EITHER else pair.by
        lines.append(_line(pair.fault, pair.phase, pair.level + star, pair.story, pair.outcome, by))
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(printed())
