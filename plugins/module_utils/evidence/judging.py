"""What is compared, with which error, and what is said of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .sequential import Process, dispersion_of, seconds_to_tell

__all__ = ["ALPHAS", "PHASE", "Counts", "Evidence", "begin"]

PHASE = "evidence"

ALPHAS: Mapping[str, float] = {"5xx": 0.005, "upstream": 0.0015, "closed": 0.0015, "slow": 0.002}
"""With which probability each comparison alarms, at most, where switched hosts are no worse. In all it is 1 %."""

_WORDS = {
    "5xx": "answer with 5xx",
    "upstream": "answer 502 or 504, for their upstreams fail,",
    "closed": "lose visitors before they answer (499)",
    "slow": "are slower than {slow:g} ms",
}
BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Milliseconds between which answers are counted."""

_RARE = 0.05
_UNLIKE = 2.5


@dataclass
class Counts:
    """Requests of some hosts in some time: how many were bad in which way, and how many took how long.

    ``times`` has the answers up to each of ``BOUNDS``, and last those above all.
    """

    requests: int = 0
    bad: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("5xx", "upstream", "closed"), 0))
    times: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, other: Counts) -> None:
        """Add those of another host or time."""
        self.requests += other.requests
        for name, number in other.bad.items():
            self.bad[name] += number
        self.times = [one + two for one, two in zip(self.times, other.times, strict=True)]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Counts:
        """Read them from the answer of a host."""
        bad = {"5xx": row["errors"], "upstream": row["upstream"], "closed": row["closed"]}
        return cls(row["requests"], bad, list(row["times"]))

    def pair(self, kind: str, slow: float | None) -> tuple[int, int]:
        """Return how many requests were bad in a way, and of how many that is known."""
        if kind != "slow":
            return self.bad[kind], self.requests
        above = sum(
            number for number, bound in zip(self.times, (*BOUNDS, math.inf), strict=True) if bound > (slow or 0)
        )
        return above, sum(self.times)


@dataclass
class Evidence:
    """The comparisons of a run. Answers of more than ``slow`` milliseconds are slow; None where no log has times."""

    slow: float | None
    processes: dict[str, Process]
    seconds: float = 0.0
    switched: Counts = field(default_factory=Counts)
    others: Counts = field(default_factory=Counts)

    def add(self, switched: Counts, others: Counts, seconds: float) -> None:
        """Add what came in at both kinds of hosts in the same ``seconds``."""
        for kind, process in self.processes.items():
            process.add(*switched.pair(kind, self.slow), *others.pair(kind, self.slow))
        self.switched.add(switched)
        self.others.add(others)
        self.seconds += seconds

    def problems(self) -> list[dict[str, str]]:
        """Return what is worse on switched hosts, beyond chance."""
        found = []
        for kind, process in self.processes.items():
            if not process.reaches(ALPHAS[kind]):
                continue
            (bad, of), (others_bad, others) = self.switched.pair(kind, self.slow), self.others.pair(kind, self.slow)
            odds = f"{math.exp(min(process.log_evidence, 30)):,.0f}"
            words = _WORDS[kind].format(slow=self.slow or 0)
            found.append(
                {
                    "what": f"switched hosts {words} more often than hosts that are not, in the same minutes",
                    "expected": f"about {_share(others_bad, others)}: {others_bad:,} of {others:,} requests",
                    "actual": f"{_share(bad, of)}: {bad:,} of {of:,} requests; chance does that in one of {odds} runs",
                }
            )
        return found

    def too_little(self) -> str:
        """Return what cannot be told yet of 5xx, and how long that takes; empty where a doubling would have shown."""
        process, seconds = self.processes["5xx"], max(self.seconds, 1.0)
        both = self.switched.requests + self.others.requests
        bad = self.switched.bad["5xx"] + self.others.bad["5xx"]
        if not self.switched.requests or not self.others.requests:
            who = "switched hosts" if not self.switched.requests else "hosts that are not switched"
            return f"too little traffic to tell: {who} had no request in {self.seconds:.0f} s"
        share = max(bad, 1) / both
        rate, others = self.switched.requests / seconds, self.others.requests / seconds
        needed = seconds_to_tell(ALPHAS["5xx"], rate, others, share, process.dispersion)
        if needed <= self.seconds:
            return ""
        long = "would not show within a month" if math.isinf(needed) else f"shows after about {_time(needed)}"
        known = f"{_share(bad, both)}" if bad else f"below {_share(1, both)}"
        return (
            f"too little traffic to tell: {self.switched.requests:,} requests of switched hosts in "
            f"{self.seconds:.0f} s; a doubling of 5xx ({known}) {long} of such traffic"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state, for the journal."""
        rows = {kind: [each.dispersion, each.base, each.logs] for kind, each in self.processes.items()}
        return {
            "slow": self.slow,
            "processes": rows,
            "seconds": self.seconds,
            "switched": [self.switched.requests, self.switched.bad, self.switched.times],
            "others": [self.others.requests, self.others.bad, self.others.times],
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Evidence:
        """Read the state."""
        processes = {kind: Process(*each) for kind, each in row["processes"].items()}
        return cls(row["slow"], processes, row["seconds"], Counts(*row["switched"]), Counts(*row["others"]))


def begin(history: Sequence[Sequence[Counts]], canaries: Sequence[int]) -> Evidence:
    """Begin the comparisons by the minutes before the first wave: ``history`` has the counts of each host in each
    minute, the hosts always in one order, and ``canaries`` are the numbers of those that are switched first.

    They say from which time on an answer is slow, how clumped bad requests are, and whether canaries differed before.
    """
    whole = Counts()
    for row in history:
        for each in row:
            whole.add(each)
    slow = _slow_bound(whole.times)
    processes = {}
    for kind in ALPHAS:
        if kind == "slow" and slow is None:
            continue
        pairs = [[(each.pair(kind, slow)[1], each.pair(kind, slow)[0]) for each in row] for row in history]
        dispersion = dispersion_of(pairs)
        processes[kind] = Process(dispersion, _base(pairs, frozenset(canaries), dispersion))
    return Evidence(slow, processes)


def _slow_bound(times: Sequence[int]) -> float | None:
    """Return the least bound that at most one in twenty answers is above; None where no time is known."""
    total = sum(times)
    if not total:
        return None
    above = total
    for number, bound in zip(times, BOUNDS, strict=False):
        above -= number
        if above <= _RARE * total:
            return float(bound)
    return float(BOUNDS[-1])


def _base(rows: Sequence[Sequence[tuple[int, int]]], canaries: frozenset[int], dispersion: float) -> float:
    """Return how many times as often canaries had bad requests before, where that is beyond chance; else 1."""
    sums = [[0, 0], [0, 0]]
    for row in rows:
        for number, (requests, bad) in enumerate(row):
            side = sums[number in canaries]
            side[0] += requests
            side[1] += bad
    (others, others_bad), (requests, bad) = sums
    together = bad + others_bad
    if not (requests and others and together):
        return 1.0
    share = requests / (requests + others)
    spread = math.sqrt(together * share * (1 - share) * dispersion)
    if spread == 0 or (bad - together * share) / spread < _UNLIKE:
        return 1.0
    return (bad / requests) / (max(others_bad, 1) / others)


def _share(bad: int, of: int) -> str:
    part = 100 * bad / of if of else 0.0
    return f"{part:.2g} %" if part < 10 else f"{part:.0f} %"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
