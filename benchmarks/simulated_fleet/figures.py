"""What roll-outs on simulated hosts took: the table, the targets, and the form in which figures are written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from .running import Slice, Traffic

__all__ = ["Rollout", "Target", "document", "growth", "targets"]

_MOST_GROWTH = 1.1
_MOST_MIB = 1024


@dataclass(frozen=True)
class Rollout:
    """One roll-out: ``seconds`` from the start of its slices to the end of the last one, ``asked`` how often hosts were
    asked what, ``serving`` how many of them served what in the end, ``failed`` whether one was made to fail.

    The slices have an inventory each, or one ``in_common`` and a ``--limit``.
    """

    hosts: int
    slices: Sequence[Slice]
    seconds: float
    asked: Mapping[str, int]
    serving: Mapping[str, int]
    traffic: Traffic
    failed: bool = False
    in_common: bool = False

    @property
    def cpu(self) -> float:
        """Return the processor time of all controllers together, in seconds."""
        return sum(each.cost.cpu for each in self.slices)

    @property
    def largest(self) -> Slice:
        """Return the slice that took most processor time."""
        return max(self.slices, key=lambda each: each.cost.cpu)

    @property
    def decider(self) -> Slice:
        """Return the slice that decided, which is the coordinator of the roll-out for that moment."""
        return next((each for each in self.slices if each.decided), self.largest)

    @property
    def memory(self) -> float:
        """Return the peak of one controller with all its processes, in MiB: of that which was sampled, or more."""
        sampled = [each.cost.together for each in self.slices if each.cost.together is not None]
        return max([*sampled, *(each.cost.largest for each in self.slices)])

    @property
    def words(self) -> str:
        """Return what this roll-out is, in words."""
        one = len(self.slices) == 1
        how = "one controller" if one else f"{len(self.slices)} slices"
        more = [", one host fails"] if self.failed else [", one inventory"] if self.in_common else []
        return f"{self.hosts:,} hosts, {how}{''.join(more)}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "hosts": self.hosts,
            "slices": len(self.slices),
            "failed": self.failed,
            "inventory_in_common": self.in_common,
            "seconds": round(self.seconds, 1),
            "cpu": round(self.cpu, 1),
            "cpu_of_decider": round(self.decider.cost.cpu, 2),
            "cpu_of_largest": round(self.largest.cost.cpu, 2),
            "memory_of_controller": round(self.memory, 1),
            "asked": dict(self.asked),
            "serving": dict(self.serving),
            "store": {name: round(value, 2) for name, value in asdict(self.traffic).items()},
            "each": [
                {
                    "slice": each.number,
                    "hosts": each.hosts,
                    "seconds": round(each.cost.seconds, 1),
                    "cpu": round(each.cost.cpu, 2),
                    "largest_process": round(each.cost.largest, 1),
                    "phases": dict(each.phases),
                }
                for each in self.slices
            ],
        }


class Target(NamedTuple):
    """What was to be reached, in words with its figures."""

    met: bool
    text: str


def growth(small: float, large: float, by: float) -> float:
    """Return how much faster than linearly something has grown, while hosts became ``by`` times as many."""
    return large / small / by


def targets(rollouts: Sequence[Rollout]) -> list[Target]:
    """Hold the figures of slices to what is promised; none where there are too few of them."""
    sliced = sorted(
        (each for each in rollouts if len(each.slices) > 1 and not each.failed and not each.in_common),
        key=lambda each: each.hosts,
    )
    found = []
    if len(sliced) > 1:
        first, last = sliced[0], sliced[-1]
        by = last.hosts / first.hosts
        measured = {
            "time": (first.seconds, last.seconds),
            "processor time of all controllers": (first.cpu, last.cpu),
            "messages to the store": (first.traffic.messages_in, last.traffic.messages_in),
        }
        for name, (begin, end) in measured.items():
            grown = growth(begin, end, by)
            text = f"from {first.hosts:,} to {last.hosts:,} hosts, {name}: {grown:.2f} x linear growth, at most"
            found.append(Target(grown <= _MOST_GROWTH, f"{text} {_MOST_GROWTH} x is wanted"))
    if len(sliced) > 2:
        small, middle, last = sliced[0], sliced[-2], sliced[-1]
        before = (middle.cpu - small.cpu) / (middle.hosts - small.hosts)
        after = (last.cpu - middle.cpu) / (last.hosts - middle.hosts)
        text = (
            f"each host more takes {after * 1000:.1f} ms of a controller's processor up to {last.hosts:,} hosts, "
            f"{before * 1000:.1f} ms up to {middle.hosts:,}: {after / before:.2f} x, at most {_MOST_GROWTH} x is wanted"
        )
        found.append(Target(after / before <= _MOST_GROWTH, text))
    for each in rollouts:
        text = f"{each.words}: the coordinator takes {each.memory:.0f} MiB, less than {_MOST_MIB:,} are wanted"
        found.append(Target(each.memory < _MOST_MIB, text))
    return found


def document(rollouts: Sequence[Rollout], judged: Sequence[Target]) -> str:
    """Write the figures for the documentation."""
    head = [
        "roll-out", "time here", "processor, all controllers", "the largest", "the decider", "memory of a controller",
        "questions to hosts", "messages of the store", "store",
    ]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --- |' * (len(head) - 1)}"]
    for each in sorted(rollouts, key=lambda each: (len(each.slices), each.failed, each.hosts, each.in_common)):
        traffic = each.traffic
        megabytes = (traffic.bytes_in + traffic.bytes_out) / 1e6
        cells = [
            each.words,
            f"{each.seconds:,.0f} s",
            f"{each.cpu:,.0f} s",
            f"{each.largest.cost.cpu:.1f} s",
            f"{each.decider.cost.cpu:.1f} s" if len(each.slices) > 1 else "-",
            f"{each.memory:.0f} MiB",
            f"{sum(each.asked.values()):,}",
            f"{traffic.messages_in + traffic.messages_out:,}, {megabytes:,.1f} MB",
            f"{traffic.cpu:.1f} s, {traffic.memory:.0f} MiB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines += [f"- {'met' if each.met else '**missed**'}: {each.text}" for each in judged]
    return "\n".join(lines) + "\n"
