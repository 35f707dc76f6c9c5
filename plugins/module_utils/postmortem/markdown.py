"""Markdown of which no text of a log or a configuration can change the structure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..textfmt import cut, excerpt

__all__ = ["block", "code", "fact", "identity", "plain", "recorded", "table", "to_add"]

_LONGEST = 400
_MOST_LINES = 40
# What begins something inside of a line. What begins something at its beginning never stands there.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~#$])")


def _line(value: object) -> str:
    """One line, without what a terminal or a reader would take for more than text."""
    text = " ".join(str(value).split())
    text = "".join(letter if letter.isprintable() else "·" for letter in text)
    return cut(text, _LONGEST)


def plain(value: object) -> str:
    """Text of others in a sentence; at most 400 letters."""
    # Where the draft is pasted, nobody is called by it.
    return re.sub(r"@(?=\w)", "@\u200b", _SPECIAL.sub(r"\\\1", _line(value)))


def code(value: object) -> str:
    """Text of others, letter by letter, at most 400; ``nothing`` where there is none."""
    text = _line(value)
    if not text:
        return "nothing"
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    edge = " " if "`" in (text[0], text[-1]) else ""
    return f"{ticks}{edge}{text}{edge}{ticks}"


def block(text: object, language: str = "text") -> str:
    """Lines of others as they are, at most forty."""
    lines = str(text).expandtabs(4).rstrip("\n").split("\n")
    lines = ["".join(letter if letter.isprintable() else "·" for letter in line) for line in lines]
    shown = excerpt(lines, _MOST_LINES)
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", "\n".join(shown))), default=0))
    return "\n".join([f"{ticks}{language}", *shown, ticks])


def identity(release: object) -> str:
    """Return the beginning of a release's id, as code."""
    return code(str(release)[:12]) if release else "none"


def recorded(path: str) -> str:
    """Return where a fact stands in the record, as ``jq`` finds it."""
    return f"`run.json` {code(f'.{path}')}"


def fact(words: str, source: str) -> str:
    """An item of a list: what is known, in Markdown, and where from."""
    return f"- {words} *({source})*"


def to_add(words: str) -> str:
    """Mark what only a person knows."""
    return f"> TO ADD: {words}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown, in columns for who reads it in a terminal."""
    widths = [max(3, *(len(row[n]) for row in [heads, *rows])) for n in range(len(heads))]
    lines = [list(heads), ["-" * width for width in widths], *rows]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
