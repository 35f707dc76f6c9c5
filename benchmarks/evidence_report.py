"""Writes what the simulation of the evidence came to: a picture, and a table in docs/evidence.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["plot", "table", "write"]

_COLOURS = (
    "#8a8a8a",
    "#b9b9b9",
    "#d8c9a8",
    "#c9b0b0",
    "#8d79b5",
    "#2f6f4f",
    "#3f6fb5",
    "#7fb894",
    "#b0413e",
    "#c9822f",
)
_WIDTH, _HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 270, 16, 46
_FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- end -->)", re.S)


def plot(stories: Sequence[Mapping[str, Any]], seconds: int) -> str:
    """Draw the share of bakes with a fault that were stopped by each second, as SVG on white."""
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for part in (0, 25, 50, 75, 100):
        y = _TOP + down * (1 - part / 100)
        drawn.append(
            f'<path d="M{_LEFT} {y:.1f}H{_LEFT + across}" stroke="#dddddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{part} %</text>'
        )
    for second in range(0, seconds + 1, 60):
        x = _LEFT + across * second / seconds
        drawn.append(
            f'<path d="M{x:.1f} {_TOP}V{_TOP + down}" stroke="#eeeeee"/>'
            f'<text x="{x:.1f}" y="{_TOP + down + 16}" text-anchor="middle">{second}</text>'
        )
    drawn.append(
        f'<text x="{_LEFT + across / 2:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">seconds since the switch</text>'
    )
    loud = [story for story in stories if story["worse"] > 1]
    ordered = sorted(enumerate(loud), key=lambda each: -sum(each[1]["curve"]))
    for place, (number, story) in enumerate(ordered):
        colour = _COLOURS[number % len(_COLOURS)]
        step = seconds / (len(story["curve"]) - 1)
        points = " ".join(
            f"{_LEFT + across * at * step / seconds:.1f},{_TOP + down * (1 - part):.1f}"
            for at, part in enumerate(story["curve"])
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _TOP + 14 + 16 * place
        drawn.append(f'<path d="M{_LEFT + across + 12} {y - 4}h16" stroke="{colour}" stroke-width="3"/>')
        drawn.append(f'<text x="{_LEFT + across + 34}" y="{y}">{story["name"]}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def table(stories: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as two tables of Markdown."""
    quiet = [story for story in stories if story["worse"] == 1]
    loud = [story for story in stories if story["worse"] > 1]
    lines = ["| no fault | bakes | rolled back |", "| --- | --- | --- |"]
    lines += [
        f"| {story['name'].removeprefix('no fault, ').replace('no fault', '1 % bad')} | {story['bakes']:,} | "
        f"{story['alarms']} ({100 * story['share_of_alarms']:.2f} %) |"
        for story in quiet
    ]
    lines += ["", "| a fault: 5xx | bakes | found, half of them | nine of ten | within 60 s | within ten minutes |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {story['name']} | {story['bakes']:,} | {_after(story['median_s'])} | {_after(story['p90_s'])} | "
        f"{100 * story['within_60_s']:.0f} % | {100 * story['share_of_alarms']:.0f} % |"
        for story in loud
    ]
    return "\n".join(lines) + "\n"


def _after(seconds: float | None) -> str:
    return "not in time" if seconds is None else f"after {seconds:.0f} s"


def write(result: Mapping[str, Any], docs: Path) -> None:
    """Write picture and table."""
    stories = result["stories"]
    (docs / "evidence.svg").write_text(plot(stories, result["seconds"]), encoding="utf-8")
    page = docs / "evidence.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(_FIGURES.sub(lambda found: f"{found[1]}{table(stories)}{found[2]}", text), encoding="utf-8")
