r"""Two alternatives of an expression of the live release are one text now, and neither of them is matched any more.

``(Delete|Purge)`` became ``(DeletePurge)``, ``(Delete/Purge)`` or ``(Delete\|Purge)``, and all else is the same. A bar
that only made an empty alternative, as in ``(/|)``, may go, and so may one beside a mark, as in ``(/|$)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....config.samples import matching
from ....verdicts.model import Finding
from ...expressions import expressions
from ...findings import finding

LEVEL = "high"

# What may hold a bar that is none: what is escaped, and classes.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]|\|", re.DOTALL)
# A letter with a meaning of its own makes another expression.
_MEANING = frozenset("\\?*+.()[]{}^$")
_ESCAPED_BAR = "\\|"
_TWO = 2


def _found(config: Config) -> Iterator[tuple[Directive, str]]:
    for directive in config.walk():
        yield from expressions(directive)


def _alternatives(expression: str) -> list[str]:
    """Split an expression at all of its bars."""
    bars = [match.start() for match in _PARTS.finditer(expression) if match[0] == "|"]
    ends = [*bars, len(expression)]
    return [expression[start:end] for start, end in zip([0, *(bar + 1 for bar in bars)], ends, strict=True)]


def _is_joined(new: str, alternatives: Sequence[str]) -> bool:
    """Return whether an expression has the text of alternatives, with nothing, a letter or an escaped bar for bars."""
    bars = len(alternatives) - 1
    least = sum(map(len, alternatives))
    if not least <= len(new) <= least + bars * len(_ESCAPED_BAR):
        return False
    # All places that a part may end at, so that nothing is tried twice.
    places = {0}
    for number, part in enumerate(alternatives):
        if number:
            letters = {place + 1 for place in places if place < len(new) and new[place] not in _MEANING}
            escaped = {place + len(_ESCAPED_BAR) for place in places if new.startswith(_ESCAPED_BAR, place)}
            places |= letters | escaped
        places = {place + len(part) for place in places if new.startswith(part, place)}
    return len(new) in places


def _matches_neither(new: str, old: str) -> bool:
    """Return whether texts for two alternatives of an expression are not found by another one."""
    regex = compiled(new)
    lost = [text for text in matching(old) if regex is not None and regex.search(text) is None]
    return len(lost) >= _TWO


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find expressions that are those of the live release with alternatives joined."""
    before = {expression for _, expression in _found(live)}
    now = list(_found(config))
    gone = sorted(before - {expression for _, expression in now})
    # By the first alternative, with which the other expression begins as well: a map has thousands of rows.
    parted: dict[str, list[tuple[str, list[str]]]] = {}
    for old in gone:
        parts = _alternatives(old)
        if len(parts) > 1:
            parted.setdefault(parts[0], []).append((old, parts))
    for directive, expression in now if parted else ():
        if expression in before:
            continue
        beginnings = (expression[:length] for length in range(len(expression) + 1))
        for old, parts in (each for beginning in beginnings for each in parted.get(beginning, ())):
            if _is_joined(expression, parts) and _matches_neither(expression, old):
                yield finding(
                    directive,
                    f"{expression} matches neither of two alternatives that are in {old} in the live release",
                    expected=old,
                    fix=f"write {old}",
                )
