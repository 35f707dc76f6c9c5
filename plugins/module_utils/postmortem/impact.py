"""What clients met, in requests, out of the hosts' access logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from ..textfmt import count, listed, moment
from .markdown import code, fact, plain, table, to_add

__all__ = ["Counted", "failing", "impact"]

_MOST_ROWS = 30


class Counted(NamedTuple):
    """What the logs of a host say, and where that stands, in Markdown; ``traffic`` is None where nobody knows."""

    host: str
    traffic: Mapping[str, Any] | None
    source: str


def impact(hosts: Sequence[Counted]) -> list[str]:
    """The paragraphs: the sum, a row for each host, the requests that failed most, and what is not known."""
    known = [each for each in hosts if each.traffic is not None]
    unknown = [each.host for each in hosts if each.traffic is None]
    told = []
    rows = sorted(((each, _sums(each.traffic or {})) for each in known), key=lambda row: -row[1][1])
    if rows:
        requests, errors = (sum(sums[n] for _, sums in rows) for n in (0, 1))
        words = (
            f"**Impact**: {errors:,} of {count(requests, 'request')} in this time got a 5xx{_part(errors, requests)}"
        )
        if not requests:
            words = "**Impact**: no request was made in this time"
        one = f"access log of {plain(rows[0][0].host)}, {rows[0][0].source}"
        told.append(fact(words, "access logs of the hosts; see the table" if len(rows) > 1 else one))
        if len(rows) > 1:
            told.append(_table(rows[:_MOST_ROWS]))
        if len(rows) > _MOST_ROWS:
            told.append(f"- The table leaves out {count(len(rows) - _MOST_ROWS, 'host')}; `run.json` has all.")
        before = [sum(sums[n] for _, sums in rows) for n in (2, 3)]
        if before[0]:
            told.append(
                fact(
                    f"Just before it {before[1]:,} of {count(before[0], 'request')} got one",
                    "the same logs, before the switch",
                )
            )
        told += [fact(f"{code(name)} got a 5xx {number:,} times", "the same logs") for name, number in failing(known)]
        unread = sum(int(each.traffic.get("unread") or 0) for each in known if each.traffic)
        if unread:
            told.append(fact(f"{unread:,} lines show no status or no time, and are not counted", "the same logs"))
    if unknown:
        told.append(
            to_add(
                f"the requests that {plain(listed(unknown, 5))}"
                " answered in this time: they could not be counted, or these hosts could not be asked."
            )
        )
    return told


def failing(hosts: Sequence[Counted]) -> list[tuple[str, int]]:
    """The requests that got most of the 5xx, over all hosts."""
    sums: dict[str, int] = {}
    for each in hosts:
        for row in (each.traffic or {}).get("failing") or []:
            sums[str(row["request"])] = sums.get(str(row["request"]), 0) + int(row["count"])
    return sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:5]


def _part(errors: int, requests: int) -> str:
    return f" ({errors / requests:.1%})" if errors else ""


def _sums(traffic: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Requests and 5xx since it began, and those before."""
    start, began = moment(traffic.get("start")), moment(traffic.get("began"))
    step = timedelta(seconds=int(traffic.get("step") or 1))
    sums = [0, 0, 0, 0]
    for number, (requests, errors) in enumerate(
        zip(traffic.get("requests") or [], traffic.get("errors") or [], strict=False)
    ):
        # The step in which it began counts as since.
        before = start is not None and began is not None and start + (number + 1) * step <= began
        sums[2 if before else 0] += int(requests)
        sums[3 if before else 1] += int(errors)
    return sums[0], sums[1], sums[2], sums[3]


def _table(rows: Sequence[tuple[Counted, tuple[int, int, int, int]]]) -> str:
    cells = [(plain(each.host), f"{sums[0]:,}", f"{sums[1]:,}", each.source) for each, sums in rows]
    return f"\n{table(('host', 'requests', '5xx', 'source'), cells)}\n"
