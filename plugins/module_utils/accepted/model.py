"""The form of ``accepted.yml``: a list of entries, each with the findings of a change that a person lets pass.

An entry counts for the releases that it names, from live to candidate; there are several where hosts have variants. A
finding counts by its gate, its file and its words. A line only tells a reader where that is: the bytes of both releases
are known by their ids, so nothing in them can have moved.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import values
from ..errors import InputError, SluiceError
from ..schema import Given, Model, Reader, key, listing, mapping, one_of, reader
from ..untrusted import has_controls, printable, read_release_id

__all__ = [
    "GATES",
    "NOTHING",
    "AcceptedChange",
    "AcceptedFinding",
    "AcceptedPair",
    "FindingKey",
    "covered",
    "key_of",
    "read_changes",
    "worded",
]

GATES = ("lint", "needs", "smoke", "coverage", "behaviour", "renewal")
"""The gates whose findings a person may let pass. What the others find is no matter of opinion."""
NOTHING = "none"
"""Stands for the live release where there is none."""

_MOST_LETTERS, _SHOWN_LETTERS, _MOST_REASON = 1200, 1000, 500
_MOST_CHANGES, _MOST_LINES = 500, 1000
# Findings, each for each pair of releases.
_MOST_COVERED = 200_000
# How many requests there were depends on a log, and on how many staging could ask.
_COUNTED = re.compile(r"\b\d[\d,]*(?: of \d[\d,]*)? (?=more\b|requests?\b)")


class FindingKey(NamedTuple):
    """What makes a finding the same one in two runs over the same releases."""

    gate: str
    file: str
    what: str
    expected: str
    actual: str


def worded(text: object) -> str:
    """Return a text of a finding as it stands in the file: one line, whose end stands for itself where it is long."""
    line = printable(" ".join(str(text or "").split()))
    if len(line) <= _MOST_LETTERS:
        return line
    return f"{line[:_SHOWN_LETTERS]}… (SHA-256 {hashlib.sha256(line.encode()).hexdigest()})"


def key_of(gate: str, file: object, what: object, expected: object, seen: object) -> FindingKey:
    """Return the key of a finding, of which the counts of requests are no part."""
    texts = (_COUNTED.sub("", worded(text)) for text in (what, expected, seen))
    return FindingKey(gate, worded(file), *texts)


@reader("str")
def _line(value: object, where: str) -> str:
    return values.text(worded(value) if isinstance(value, str) else value, where)


@reader("str")
def _reason(value: object, where: str) -> str:
    said = values.text(value, where).strip()
    found = printable(said)
    # An escape has letters, too.
    if not any(letter.isalpha() and not has_controls(letter) for letter in said):
        raise InputError(where, f"'{found}' says nothing; write in words why this may pass")
    if len(found) > _MOST_REASON:
        raise InputError(where, f"it has {len(found):,} letters; say it in at most {_MOST_REASON}")
    return found


def _release(*, or_nothing: bool) -> Reader[str]:
    def read(value: object, where: str) -> str:
        if or_nothing and value == NOTHING:
            return NOTHING
        try:
            return read_release_id(value)
        except SluiceError as error:
            more = f", or {NOTHING} where nothing is live" if or_nothing else ""
            raise InputError(where, f"{error}{more}") from None

    return Reader(read, {"type": "str"})


@dataclass(frozen=True, kw_only=True)
class AcceptedFinding(Model):
    """One finding of an entry."""

    gate: str = key(one_of(*GATES), "The gate.", required=True, advice=f"it is one of {', '.join(GATES)}")
    file: str = key(_line, "A path in the tree.", absent="")
    lines: tuple[int, ...] = key(listing(values.integer(1, 10**9)), "Where it stood, for the reader.", absent=())
    what: str = key(_line, "What was found.", required=True, advice="copy the words of the run")
    expected: str = key(_line, "What was expected; of a change, what the live release does.", absent="")
    actual: str = key(_line, "What was there; of a change, what the candidate does.", absent="")

    @property
    def key(self) -> FindingKey:
        """What it is known by."""
        return key_of(self.gate, self.file, self.what, self.expected, self.actual)

    def check(self, given: Given) -> None:
        """Bound the lines, which are only shown. Raises ``InputError``."""
        if len(self.lines) > _MOST_LINES:
            raise InputError(given.path("lines"), f"there are {len(self.lines):,}; expected at most {_MOST_LINES:,}")

    def to_plain(self) -> dict[str, Any]:
        """The finding as plain data, without what does not apply."""
        row = {"gate": self.gate, "file": self.file, "lines": list(self.lines)}
        row |= {"what": self.what, "expected": self.expected, "actual": self.actual}
        return {name: value for name, value in row.items() if value}


@dataclass(frozen=True, kw_only=True)
class AcceptedPair(Model):
    """Two releases, from one to the other of which a change leads."""

    live: str = key(_release(or_nothing=True), "The id of the release that was live, or none.", required=True)
    candidate: str = key(_release(or_nothing=False), "The id of the release that was examined.", required=True)

    def check(self, given: Given) -> None:
        """Hold the two apart. Raises ``InputError``."""
        if self.live == self.candidate:
            raise InputError(given.path("candidate"), "it is the live release as well; a change has two different ones")


@dataclass(frozen=True, kw_only=True)
class AcceptedChange(Model):
    """One entry: what a person lets pass of one change, who that is, and why."""

    run: str = key(values.matching(r"[\w.-]{1,64}", "the id of a run"), "The run that found it.", required=True)
    changes: tuple[AcceptedPair, ...] = key(
        listing(mapping(AcceptedPair), empty=False), "The releases that it counts for.", required=True
    )
    who: str = key(_line, "Who accepted it.", required=True)
    when: str = key(_line, "When.", required=True)
    reason: str = key(_reason, "Why.", required=True, advice="write in words why this may pass")
    findings: tuple[AcceptedFinding, ...] = key(
        listing(mapping(AcceptedFinding), empty=False), "The findings that may pass.", required=True
    )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The releases that it counts for, live and candidate."""
        return [(each.live, each.candidate) for each in self.changes]

    @property
    def candidates(self) -> set[str]:
        """The candidates among them."""
        return {each.candidate for each in self.changes}

    @property
    def by(self) -> str:
        """Who and why, as the record has it."""
        return f"{self.who}: {self.reason}"

    def to_plain(self) -> dict[str, Any]:
        """The entry as plain data, in the order in which it is read."""
        pairs = [{"live": live, "candidate": candidate} for live, candidate in self.pairs]
        head = {"run": self.run, "changes": pairs, "who": self.who, "when": self.when, "reason": self.reason}
        return {**head, "findings": [each.to_plain() for each in self.findings]}


def _many(there: int, most: int) -> str:
    return f"there are {there:,}; expected at most {most:,}: delete what is spent"


def read_changes(rows: object, where: str) -> tuple[AcceptedChange, ...]:
    """Read the entries of a file. Raises ``InputError`` that says what is wrong, and where.

    A finding that stands there twice for the same two releases is refused: who deletes one would leave the other.
    """
    if isinstance(rows, list) and len(rows) > _MOST_CHANGES:
        raise InputError(where, _many(len(rows), _MOST_CHANGES))
    changes = listing(mapping(AcceptedChange))(rows, where)
    number = sum(len(change.changes) * len(change.findings) for change in changes)
    if number > _MOST_COVERED:
        raise InputError(where, f"it lets pass {number:,} findings; expected at most {_MOST_COVERED:,}")
    there: dict[tuple[tuple[str, str], FindingKey], str] = {}
    for change in changes:
        for found, pair in itertools.product(change.findings, change.pairs):
            first = there.setdefault((pair, found.key), found.source)
            if first != found.source:
                raise InputError(found.source, f"it says the same as {first}; delete one of them")
    return changes


def covered(changes: Iterable[AcceptedChange], live: str, candidate: str) -> dict[FindingKey, AcceptedChange]:
    """Map what may pass of the change from ``live`` to ``candidate`` to the entry that says so."""
    mine = (change for change in changes if (live, candidate) in change.pairs)
    return {found.key: change for change in mine for found in change.findings}
