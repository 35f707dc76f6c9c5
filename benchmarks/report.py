"""What a benchmark of lost requests has counted: the table, the targets, and the form in which it is written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from .judge import Lost, Seen, allowed_loss, each_lost
from .load import Counted
from .paced import Paced
from .reporting import Target

__all__ = ["BARE", "Measured", "result", "table", "targets"]

BARE = "bare reloads"
_LEAST_REQUESTS = 1_000_000


@dataclass
class Measured:
    """One part: what was done how often, and what both clients saw of it. ``reloads`` are those that renew workers;
    ``begins`` is when each time began, in seconds since 1970.
    """

    name: str
    times: int
    reloads: int
    judged: bool = True
    seconds: float = 0.0
    begins: list[float] = field(default_factory=list)
    load: dict[str, Counted] = field(default_factory=dict)
    paced: dict[str, Paced] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    strays: list[Seen] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """All that were sent."""
        return self.sent(fresh=True) + self.sent(fresh=False)

    def sent(self, *, fresh: bool) -> int:
        """Requests on connections of their own or on kept ones."""
        sent = sum(each.sent for each in self.load.values() if each.fresh is fresh)
        return sent + (sum(each.asked for each in self.paced.values()) if fresh else 0)

    @property
    def told(self) -> int:
        """Answers that told which release they are of."""
        return sum(answers.answers for answers in self.seen)

    def lost(self, *, fresh: bool) -> int:
        """Requests without a good answer, on connections of their own or on kept ones."""
        lost = sum(each.lost for each in self.load.values() if each.fresh is fresh)
        return lost + (sum(each.failed.total() for each in self.paced.values()) if fresh else 0)

    @property
    def each_lost(self) -> list[Lost]:
        """What was lost on kept connections, each time."""
        losses = [at for each in self.load.values() if not each.fresh for at in each.losses]
        return [Lost(lost, self.reloads // self.times) for lost in each_lost(self.begins, losses)]

    def errors(self) -> dict[str, int]:
        """Lost requests of fresh connections by kind."""
        found: Counter[str] = Counter()
        for counted in self.load.values():
            if counted.fresh:
                found.update(counted.errors)
        for paced in self.paced.values():
            found.update(paced.failed)
        return {name: number for name, number in found.items() if number}

    @property
    def gap(self) -> float:
        """The longest time without an answer of any kind that answers at once, in seconds."""
        return max(each.gap for name, each in self.paced.items() if not name.startswith("slow"))


def targets(measured: Sequence[Measured], *, quick: bool) -> list[Target]:
    """Hold the figures to what is promised. What was not asked has not been answered well."""
    bare = next(each for each in measured if each.name == BARE)
    judged = [each for each in measured if each.judged and each is not bare]
    fresh, failed = sum(each.sent(fresh=True) for each in judged), sum(each.lost(fresh=True) for each in judged)
    errors = [f"{each.name}: {each.errors()}" for each in judged if each.lost(fresh=True)]
    kept, lost = sum(each.sent(fresh=False) for each in judged), sum(each.lost(fresh=False) for each in judged)
    each_time = [lost for each in judged if each.reloads for lost in each.each_lost]
    allowed = allowed_loss(each_time, bare.each_lost)
    reloads = sum(each.reloads for each in judged)
    # How many nginx loses depends on how busy the machine is at that moment, so a few reloads tell nothing.
    few = "; too few reloads to judge" if quick else ""
    told = min(each.told for each in measured)
    stray = [
        f"{answers.answers} of release {answers.number} ({each.name})" for each in measured for answers in each.strays
    ]
    found = [
        Target(
            fresh > 0 and not failed, f"{failed} of {fresh:,} requests failed on fresh connections{_listed(errors)}"
        ),
        Target(
            kept > 0 and (quick or lost <= allowed),
            f"{lost} of {kept:,} requests lost on keep-alive connections through {reloads} reloads, "
            f"at most {allowed} allowed by the {bare.lost(fresh=False)} of {bare.reloads} bare ones{few}",
        ),
        Target(
            told > 0 and not stray,
            f"{sum(answers.answers for each in measured for answers in each.strays)} of "
            f"{sum(each.told for each in measured):,} answers came from a release that was neither live nor pending"
            f"{_listed(stray)}",
        ),
    ]
    if not quick:
        requests = sum(each.requests for each in measured)
        found.append(Target(requests >= _LEAST_REQUESTS, f"{requests:,} requests, {_LEAST_REQUESTS:,} are wanted"))
    return found


def _listed(texts: Sequence[str]) -> str:
    return f" ({'; '.join(texts[:5])})" if texts else ""


def table(measured: Sequence[Measured]) -> str:
    """Write the figures for people."""
    rows = [
        (
            "part",
            "times",
            "reloads",
            "requests",
            "failed, fresh",
            "lost, keep-alive",
            "a reload",
            "longest gap",
            "strays",
        )
    ]
    for each in [*measured, _total(measured)]:
        lost = each.lost(fresh=False)
        rows.append(
            (
                each.name if each.judged else f"{each.name} *",
                f"{each.times}",
                f"{each.reloads}",
                f"{each.requests:,}",
                f"{each.lost(fresh=True)}",
                f"{lost}",
                f"{lost / each.reloads:.2f}" if each.reloads else "-",
                f"{each.gap:.2f} s",
                f"{len(each.strays)}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in [rows[0], tuple("-" * width for width in widths), *rows[1:]]]
    return "\n".join([*lines, "* not held to the targets: nginx has no workers for a moment there, and requests hang"])


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *rest = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([first.strip().ljust(widths[0]), *rest])


def _total(measured: Sequence[Measured]) -> Measured:
    total = Measured("all", sum(each.times for each in measured), sum(each.reloads for each in measured))
    for each in measured:
        total.load.update({f"{name}, {each.name}": counted for name, counted in each.load.items()})
        total.paced.update({f"{name}, {each.name}": paced for name, paced in each.paced.items()})
        total.strays += each.strays
    return total


def result(measured: Sequence[Measured], judged: Sequence[Target], *, quick: bool) -> dict[str, Any]:
    """Write the figures for programs."""
    return {
        "at": now(),
        "quick": quick,
        "requests": sum(each.requests for each in measured),
        "targets": [target._asdict() for target in judged],
        "parts": {each.name: _part(each) for each in measured},
    }


def _part(measured: Measured) -> dict[str, Any]:
    return {
        "times": measured.times,
        "reloads": measured.reloads,
        "held_to_targets": measured.judged,
        "seconds": round(measured.seconds, 1),
        "requests": measured.requests,
        "told_release": measured.told,
        "failed_fresh": measured.lost(fresh=True),
        "lost_keep_alive": measured.lost(fresh=False),
        "lost_keep_alive_each_time": [lost.requests for lost in measured.each_lost],
        "strays": [answers._asdict() for answers in measured.strays],
        "load": {name: _counted(counted) for name, counted in measured.load.items()},
        "paced": {
            name: {"asked": paced.asked, "failed": dict(paced.failed), "longest_gap_seconds": round(paced.gap, 3)}
            for name, paced in measured.paced.items()
        },
    }


def _counted(counted: Counted) -> dict[str, Any]:
    figures = asdict(counted)
    del figures["losses"]
    return {**figures, "lost": counted.lost}
