"""Draws hosts against seconds, each contestant a line, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .contestants import ALL
from .results import TITLES, Size

__all__ = ["plot"]

_COLOURS = ("#8a8a8a", "#8d79b5", "#c9822f", "#b0413e", "#2f6f4f", "#7fb894", "#3f6fb5")
_WIDTH, _HEIGHT = 740, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 250, 16, 46


def plot(sizes: Sequence[Size]) -> str:
    """Draw it as SVG, on white, so that it can be read in light and dark surroundings. There must be a figure."""
    hosts = [size.hosts for size in sizes]
    seconds = [size.seconds(name) for size in sizes for name in size.costs]
    low, high = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    first, last = math.log10(hosts[0]), math.log10(hosts[-1])

    def x(count: int) -> float:
        return _LEFT + (math.log10(count) - first) / ((last - first) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - math.log10(value)) / ((high - low) or 1) * (_HEIGHT - _TOP - _BOTTOM)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(low, high + 1):
        for step in (1, 2, 5):
            value = step * 10.0**power
            if power < high or step == 1:
                colour = "#cccccc" if step == 1 else "#eeeeee"
                drawn.append(
                    f'<path d="M{_LEFT} {y(value):.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>'
                    f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g} s</text>'
                )
    for count in hosts:
        drawn.append(
            f'<path d="M{x(count):.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#eeeeee"/>'
            f'<text x="{x(count):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{count}</text>'
        )
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    drawn.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">hosts</text>')
    labels: list[tuple[float, str, str]] = []
    for name, colour in zip(ALL, _COLOURS, strict=True):
        points = [(x(size.hosts), y(size.seconds(name))) for size in sizes if name in size.costs]
        if points:
            path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
            drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            drawn += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in points]
            labels.append((points[-1][1], name, colour))
    drawn += [
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{down + 4:.1f}" fill="{colour}">{TITLES[name]}</text>'
        for down, name, colour in _apart(labels)
    ]
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _apart(labels: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Move labels down where they would cover each other."""
    placed: list[tuple[float, str, str]] = []
    for down, name, colour in sorted(labels):
        placed.append((max(down, placed[-1][0] + 13) if placed else down, name, colour))
    return placed
