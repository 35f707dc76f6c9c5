"""Comments in the configuration that accept findings: ``# sluice: accept RULE: reason``.

A comment on the line of a directive, or on the line above, holds for that directive and for all that is in its block.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config.text import lex_file
from ..tree_reader import read_inside
from ..verdicts.model import Finding

__all__ = ["AcceptComment", "complaints", "read_acceptances"]

_COMMENT = re.compile(r"#+\s*sluice\s*:\s*accept\b\s*([\w-]*)\s*(?::\s*(.*?))?\s*$")
# Letters. Nobody reads a longer reason, and the pattern goes over its spaces again and again.
_LONGEST = 2000
_FORM = "# sluice: accept RULE: reason"


@dataclass(frozen=True)
class AcceptComment:
    """One comment; it holds from line ``first`` to line ``last`` of its file."""

    rule: str
    reason: str
    file: str
    line: int
    first: int
    last: int

    def covers(self, rule: str, finding: Finding) -> bool:
        """Return whether a finding of a rule is accepted. Without a reason nothing is."""
        here = finding.file == self.file and self.first <= finding.line <= self.last
        return bool(self.reason) and rule == self.rule and here


def _statements(tokens: Iterable[tuple[str, int, bool]]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last line of each directive, its block included."""
    open_blocks: list[int] = []
    begins = 0
    for token, line, quoted in tokens:
        if not quoted and token.startswith("#"):
            continue
        if not quoted and token == "}":
            if open_blocks:
                yield open_blocks.pop(), line
            begins = 0
            continue
        begins = begins or line
        if not quoted and token == "{":
            open_blocks.append(begins)
            begins = 0
        elif not quoted and token == ";":
            yield begins, line
            begins = 0


class _Reaches:
    """The lines that a comment holds for."""

    def __init__(self, statements: Iterable[tuple[int, int]]) -> None:
        self._last: dict[int, int] = {}
        self._first: dict[int, int] = {}
        for first, last in statements:
            self._last[first] = max(last, self._last.get(first, 0))
            # The last line of a directive that is written over several counts as its own.
            if first < last:
                self._first.setdefault(last, first)
        self._begins = sorted(self._last)

    def of(self, line: int) -> tuple[int, int]:
        """Return the first and the last line; none (0, 0) at the end of a file."""
        if line in self._last:
            return line, self._last[line]
        if line in self._first:
            return self._first[line], line
        at = bisect.bisect_right(self._begins, line)
        return (self._begins[at], self._last[self._begins[at]]) if at < len(self._begins) else (0, 0)


def read_acceptances(tree: Path, files: Collection[str]) -> list[AcceptComment]:
    """Return the comments that accept findings, in the files of a tree."""
    found = []
    for name in files:
        content = read_inside(tree, name)
        if b"sluice" not in content:
            continue
        tokens = lex_file(content)
        reaches = _Reaches(_statements(tokens))
        for token, line, quoted in tokens:
            match = None if quoted or len(token) > _LONGEST else _COMMENT.match(token)
            if match:
                first, last = reaches.of(line)
                found.append(AcceptComment(match[1], match[2] or "", name, line, first, last))
    return found


def complaints(
    comments: Iterable[AcceptComment],
    used: Collection[AcceptComment],
    known: Collection[str],
    refused: Collection[str] = (),
) -> Iterator[Finding]:
    """Yield a finding for each comment without a reason, for a rule that does not exist, or without a finding.

    ``refused`` are the rules whose findings a comment in the tree cannot accept.
    """
    for each in comments:
        comment = f"accept {each.rule}".strip()
        warning = False
        if each.rule not in known:
            what, fix = f"'{comment}' names no rule that exists", "write the name that ends the finding, in brackets"
        elif not each.reason:
            what, fix = f"'{comment}' has no reason, so it accepts nothing", "write why this is right here"
        elif each.rule in refused:
            what, fix = f"'{comment}' accepts nothing: no tree accepts findings of this rule", "use gates_lint_accept"
        elif each not in used:
            what, fix = f"'{comment}' accepts nothing: there is no such finding here", "remove the comment"
            warning = True
        else:
            continue
        yield Finding(what, file=each.file, line=each.line, expected=_FORM, fix=fix, warning=warning)
