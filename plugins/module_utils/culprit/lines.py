"""What differs between two texts: hunks, lines that stand for lines, and what of them belongs together by braces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate
from typing import NamedTuple

__all__ = ["Replaced", "Unit", "hunks", "in_units"]

# Comparing each line with each other one is for small hunks.
_MOST_PAIRS = 400
_ALIKE = 0.6
# Bytes at the beginning of a line that tell whether it is like another; the time grows with the square.
_COMPARED = 500
_NO_BRACES = re.compile(rb"""\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\$\{\w+\}|(?:^|(?<=[\s;{}]))#.*""", re.DOTALL)


class Replaced(NamedTuple):
    """The lines ``start`` to ``end`` of the old text (from 0, ``end`` is not one) give way to ``new``, of which the
    first is number ``at`` of the new text.
    """

    start: int
    end: int
    new: tuple[bytes, ...]
    at: int
    depth: int
    """By how many blocks it opens more than it closes."""


Unit = int | tuple[tuple[int, ...], tuple["Unit", ...]]
"""The number of an edit in its hunk; or numbers that belong together, and the finer units that they are split into."""


def hunks(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[list[Replaced]]:
    """Yield what differs, in order. A text that is not there has no lines; an empty one has an empty line."""
    before = 0
    while before < min(len(old), len(new)) and old[before] == new[before]:
        before += 1
    after = 0
    while after < min(len(old), len(new)) - before and old[-1 - after] == new[-1 - after]:
        after += 1
    middle = old[before : len(old) - after], new[before : len(new) - after]
    found = [code for code in SequenceMatcher(None, *middle).get_opcodes() if code[0] != "equal"]
    following = [*(before + code[3] for code in found[1:]), len(new)]
    done = 0
    for (what, *where), limit in zip(found, following, strict=False):
        i, i_end, j, j_end = (before + each for each in where)
        room = j - done, limit - j_end
        by = _slide(old, i, i_end, room) if what == "delete" else _slide(new, j, j_end, room) if what == "insert" else 0
        done = j_end + by
        yield list(_aligned(old, new, (i + by, i_end + by, j + by, done)))


def _slide(lines: Sequence[bytes], start: int, end: int, room: tuple[int, int]) -> int:
    """By how many lines to move what came or went, which looks the same, so that it is no piece of two blocks.

    ``}`` and ``location / {`` came where ``location / {`` and ``}`` is meant. ``room`` is how far it can move up and
    down.
    """
    depths = [_depth(line) for line in lines[start:end]]
    if sum(depths) or min(accumulate(depths)) >= 0:
        return 0
    most = len(depths) - 1
    for step in range(1, min(most, room[0]) + 1):
        if lines[start - step] != lines[end - step]:
            break
        if min(accumulate(depths[-step:] + depths[:-step])) >= 0:
            return -step
    for step in range(1, min(most, room[1]) + 1):
        if lines[start + step - 1] != lines[end + step - 1]:
            break
        if min(accumulate(depths[step:] + depths[:step])) >= 0:
            return step
    return 0


def _aligned(old: Sequence[bytes], new: Sequence[bytes], where: tuple[int, int, int, int]) -> Iterator[Replaced]:
    """Put lines that are alike against each other; between them lines go, and lines come."""
    i, i_end, j, j_end = where
    if (i_end - i) * (j_end - j) <= _MOST_PAIRS:
        best = max(
            (
                (_likeness(old[a], new[b]), -abs((a - i) - (b - j)), a, b)
                for a in range(i, i_end)
                for b in range(j, j_end)
            ),
            default=(0.0, 0, 0, 0),
        )
        if best[0] >= _ALIKE:
            _, _, a, b = best
            yield from _aligned(old, new, (i, a, j, b))
            yield _replaced(old, new, (a, a + 1, b, b + 1))
            yield from _aligned(old, new, (a + 1, i_end, b + 1, j_end))
            return
    if i_end - i == j_end - j:
        yield from (_replaced(old, new, (i + n, i + n + 1, j + n, j + n + 1)) for n in range(i_end - i))
        return
    yield from (_replaced(old, new, (n, n + 1, j, j)) for n in range(i, i_end))
    yield from (_replaced(old, new, (i_end, i_end, n, n + 1)) for n in range(j, j_end))


def _likeness(one: bytes, other: bytes) -> float:
    one, other = (line.strip()[:_COMPARED] for line in (one, other))
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE else 0.0


def _replaced(old: Sequence[bytes], new: Sequence[bytes], where: tuple[int, int, int, int]) -> Replaced:
    i, i_end, j, j_end = where
    gone, come = old[i:i_end], tuple(new[j:j_end])
    return Replaced(i, i_end, come, j, sum(map(_depth, come)) - sum(map(_depth, gone)))


def _depth(line: bytes) -> int:
    if b"{" not in line and b"}" not in line:
        return 0
    plain = _NO_BRACES.sub(b"", line)
    return plain.count(b"{") - plain.count(b"}")


def in_units(rows: Sequence[Replaced], first: int = 0) -> list[Unit]:
    """Split the edits of a hunk into the smallest runs that leave as many blocks open as before.

    A block is a unit whose finer ones are its two ends, together, and what is inside.
    """
    found: list[Unit] = []
    at = 0
    while at < len(rows):
        end, depth = at, 0
        while end < len(rows) and (depth or end == at):
            depth += rows[end].depth
            end += 1
        numbers = tuple(range(first + at, first + end))
        if len(numbers) == 1:
            found.append(numbers[0])
        elif depth:
            # Where braces do not add up, lines are all that is left.
            found.append((numbers, numbers))
        else:
            ends: Unit = ((numbers[0], numbers[-1]), ())
            found.append((numbers, (ends, *in_units(rows[at + 1 : end - 1], first + at + 1))))
        at = end
    return found
