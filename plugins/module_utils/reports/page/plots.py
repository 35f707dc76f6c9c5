"""Requests, errors and latency around the switch, from what the hosts counted in their access logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...textfmt import listed, seconds

__all__ = ["Plot", "TrafficPlots", "traffic"]

_WIDE, _HIGH = 320.0, 64.0
_MOST_POINTS = 240
_MOST_HOSTS = 24
_MOST_FAILING = 8
# Seconds. What spans more is no run.
_LONGEST = 86400 * 7


class Plot(NamedTuple):
    """One line over time. ``path`` and ``area`` are for SVG of 320 by 64; ``words`` say what there is to see."""

    title: str
    unit: str
    path: str
    area: str
    most: str
    words: str


class TrafficPlots(NamedTuple):
    """``fleet`` are the plots of all hosts together, ``hosts`` those of each; ``marks`` are moments on the axis.

    ``compared`` are the canary and the rest, for each host of them, on the same scale; none where all were switched
    together.
    """

    fleet: list[Plot]
    compared: list[tuple[str, list[Plot]]]
    hosts: list[tuple[str, list[Plot]]]
    more: int
    marks: list[tuple[float, str]]
    begin: float
    length: float
    requests: int
    errors: int
    failing: list[tuple[str, int]]


class _Count:
    """What one host, or all, counted in one stretch of time."""

    def __init__(self) -> None:
        self.requests, self.errors, self.timed, self.ms = 0, 0, 0, 0.0

    def add(self, requests: int, errors: int, ms: float | None) -> None:
        self.requests += requests
        self.errors += errors
        if ms is not None and requests:
            self.timed += requests
            self.ms += ms * requests


_Series = dict[float, tuple[int, int, float | None]]


class _RunTraffic:
    """What the hosts counted in a run, by the start of each stretch of time, and when they were switched.

    ``step`` is the widest stretch, in seconds; ``failing`` is what was asked of those that failed.
    """

    def __init__(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.series: dict[str, _Series] = {}
        self.step = 0.0
        self.marks: dict[str, float] = {}
        self.failing: dict[str, list[Mapping[str, Any]]] = {}
        self._began: list[float] = []
        for event in events:
            self._mark(event)
            for counted in _counted(event["answer"]):
                self._add(str(event["host"]), counted)
        if self._began:
            # The hosts' own clocks, as in their logs.
            self.marks["switched"] = min(self._began)

    def _mark(self, event: Mapping[str, Any]) -> None:
        at = seconds(event["at"])
        if not event["host"] or at is None or not event["good"]:
            return
        if event["phase"] == "activate":
            self.marks["switched"] = min(at, self.marks.get("switched", at))
        elif event["phase"] in ("finalize", "retry_rollback"):
            self.marks["finalized"] = max(at, self.marks.get("finalized", at))

    def _add(self, host: str, counted: Mapping[str, Any]) -> None:
        if (switched := seconds(counted.get("began"))) is not None:
            self._began.append(switched)
        begin, wide = seconds(counted.get("start")), counted.get("step")
        if not host or begin is None or not isinstance(wide, int | float) or wide <= 0:
            return
        self.step = max(self.step, float(wide))
        # What is counted later of the same time replaces it: the log had more lines by then.
        before = {at: row for at, row in self.series.get(host, {}).items() if at < begin}
        self.series[host] = {**before, **{begin + n * wide: row for n, row in enumerate(_rows(counted))}}
        self.failing[host] = counted.get("failing") or []


def traffic(events: Sequence[Mapping[str, Any]]) -> TrafficPlots | None:
    """Plot what the hosts counted; None where none did."""
    found = _RunTraffic(events)
    moments = sorted({moment for series in found.series.values() for moment in series})
    if not moments or moments[-1] - moments[0] > _LONGEST:
        return None
    step = max(found.step, (moments[-1] - moments[0] + found.step) / _MOST_POINTS)
    begin, number = moments[0], int((moments[-1] - moments[0]) / step) + 1
    every = _counts(found.series.values(), begin, step, number)
    hosts = {name: _counts([series], begin, step, number) for name, series in found.series.items()}
    names = sorted(hosts, key=lambda name: (-sum(count.errors for count in hosts[name]), name))
    length = number * step
    canary, rest = _waves(events, hosts)
    both = (canary, rest) if canary and rest else ()
    groups = [_counts([found.series[name] for name in each], begin, step, number) for each in both]
    shares = [_values(counts, step, len(each)) for counts, each in zip(groups, both, strict=True)]
    names_of_groups = (f"Canary: {listed(canary, 3)}", f"Rest: {listed(rest, 3)}")
    within = {words: at for words, at in found.marks.items() if begin <= at <= begin + length}
    return TrafficPlots(
        fleet=_plots(_values(every, step)),
        compared=list(zip(names_of_groups, _alike(shares), strict=False)),
        hosts=[(name, _plots(_values(hosts[name], step))) for name in names[:_MOST_HOSTS]] if len(names) > 1 else [],
        more=max(0, len(names) - _MOST_HOSTS),
        marks=[((at - begin) / length * _WIDE, words) for words, at in within.items()],
        begin=begin,
        length=length,
        requests=sum(count.requests for count in every),
        errors=sum(count.errors for count in every),
        failing=_failing(found.failing.values()),
    )


def _failing(hosts: Iterable[Sequence[Mapping[str, Any]]]) -> list[tuple[str, int]]:
    """What was asked of those that failed, the most frequent first."""
    found: Counter[str] = Counter()
    for rows in hosts:
        for row in rows:
            found[str(row.get("request"))] += _number(row.get("count"))
    return found.most_common(_MOST_FAILING)


def _counted(answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    bake = answer.get("bake")
    for holder in (answer, bake if isinstance(bake, Mapping) else {}):
        if isinstance(holder.get("traffic"), Mapping):
            yield holder["traffic"]


def _rows(counted: Mapping[str, Any]) -> list[tuple[int, int, float | None]]:
    requests = [_number(value) for value in counted.get("requests") or []]
    errors = [_number(value) for value in counted.get("errors") or []]
    ms = [value if isinstance(value, int | float) else None for value in counted.get("ms") or []]
    errors += [0] * (len(requests) - len(errors))
    ms += [None] * (len(requests) - len(ms))
    return list(zip(requests, errors, ms, strict=False))


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) and value >= 0 else 0


def _counts(hosts: Iterable[_Series], begin: float, step: float, number: int) -> list[_Count]:
    counts = [_Count() for _ in range(number)]
    for series in hosts:
        for moment, row in series.items():
            counts[min(number - 1, int((moment - begin) / step))].add(*row)
    return counts


def _waves(events: Sequence[Mapping[str, Any]], counted: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the hosts that were asked to switch first, and those that were asked later, as far as they counted."""
    asked = {
        str(event["host"]): at
        for event in events
        if event["phase"] == "activate" and event["host"] in counted
        if (at := seconds(event["answer"].get("asked"))) is not None
    }
    first = min(asked.values(), default=0.0)
    return sorted(name for name, at in asked.items() if at == first), sorted(
        name for name, at in asked.items() if at > first
    )


_Values = list[list[float | None]]


def _values(counts: Sequence[_Count], step: float, hosts: int = 1) -> _Values:
    """Return requests and errors a second and host, and the mean time in milliseconds."""
    return [
        [count.requests / step / hosts for count in counts],
        [count.errors / step / hosts for count in counts],
        [count.ms / count.timed if count.timed else None for count in counts],
    ]


def _alike(groups: Sequence[_Values]) -> list[list[Plot]]:
    """Plot groups on the same scale, so that one look compares them."""
    most = [max((value for group in groups for value in group[n] if value is not None), default=0.0) for n in range(3)]
    return [_plots(group, most, " and host") for group in groups]


def _plots(values: _Values, most: Sequence[float | None] = (None, None, None), each: str = "") -> list[Plot]:
    return [
        _plot("Requests", f"a second{each}", values[0], most[0]),
        _plot("Answers 5xx", f"a second{each}", values[1], most[1]),
        _plot("Mean time", "ms", values[2], most[2]),
    ]


def _plot(title: str, unit: str, values: Sequence[float | None], high: float | None) -> Plot:
    """Plot values; ``high`` is the one at the upper edge, by default the largest."""
    there = [value for value in values if value is not None]
    if not there:
        return Plot(title, unit, "", "", "-", "the log format has no times")
    most = max(there) if high is None else high
    wide = _WIDE / max(1, len(values) - 1)
    # A value that is not known is a gap.
    parts: list[list[tuple[float, float]]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append((n * wide, _HIGH - 2 - (value / most * (_HIGH - 6) if most else 0)))
    lines = [part if len(part) > 1 else [part[0], (part[0][0] + 1, part[0][1])] for part in parts if part]
    drawn = [(line[0][0], " L".join(f"{x:.1f},{y:.1f}" for x, y in line), line[-1][0]) for line in lines]
    path = " ".join(f"M{points}" for _, points, _ in drawn)
    area = " ".join(f"M{first:.1f},{_HIGH} L{points} L{last:.1f},{_HIGH} Z" for first, points, last in drawn)
    words = f"at first {_short(there[0])}, at most {_short(max(there))}, at last {_short(there[-1])}"
    return Plot(title, unit, path, area, _short(most), words)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
