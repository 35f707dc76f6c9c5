"""Where statements stand in the text of a configuration file, by offset: the parser tells lines only."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Statement", "scan"]

# A word goes on over escapes and `${`; a quoted one over everything. What is left is a stray mark, and no word.
_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)|(?P<mark>[;{}])|(?P<word>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{|[^\s;{\\])+)|.""",
    re.DOTALL,
)
_LUA = re.compile(
    r"""--\[(=*)\[.*?(?:\]\1\]|\Z)|--[^\n]*|\[(=*)\[.*?(?:\]\2\]|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}]""",
    re.DOTALL,
)


@dataclass
class Statement:
    """One statement: its first word and that word's line, and offsets into the text.

    ``start`` is where it begins, and ``end`` the place behind its semicolon or closing brace. ``opened`` is the place
    behind its opening brace, -1 where it has none; ``end_line`` is the line of its end.
    """

    name: str
    line: int
    start: int
    opened: int = -1
    end: int = -1
    end_line: int = 0


def scan(text: str) -> list[Statement]:
    """List the statements of a file in the order in which they begin, blocks before what is in them."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    found: list[Statement] = []
    open_blocks: list[Statement] = []
    current: Statement | None = None
    for kind, word, start, end in _tokens(text):
        line = bisect.bisect_right(starts, start)
        if kind == "word":
            if current is None:
                current = Statement(word.strip("\"'"), line, start)
                found.append(current)
        elif word == "{" and current is not None:
            current.opened = end
            open_blocks.append(current)
            current = None
        else:
            closed = current if word == ";" else open_blocks.pop() if open_blocks else None
            if closed is not None:
                closed.end, closed.end_line = end, line
            current = None
    return found


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield words and marks. The body of a Lua block is skipped: only its braces and their line matter."""
    at, first = 0, ""
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            return
        at = found.end()
        kind = found.lastgroup or ""
        if kind not in ("word", "mark"):
            continue
        yield kind, found[0], found.start(), found.end()
        if kind == "word":
            first = first or found[0]
            continue
        if found[0] == "{" and first.endswith("_by_lua_block"):
            at = _lua_end(text, at)
            yield "mark", "}", at - 1, at
        first = ""


def _lua_end(text: str, at: int) -> int:
    depth = 1
    for found in _LUA.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return len(text)
