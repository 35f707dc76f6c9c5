"""Regular expressions of nginx's as languages: what a search finds, with Python's own parser reading the pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any

from ..config.regexes import parsed, translated
from .letters import EVERY, OTHER, bit, either_case
from .terms import Algebra, TooMuch

__all__ = ["NotRegular", "captures_rest", "literal_prefix", "searched"]

_LONGEST = 16_384
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")
_BEGINNINGS = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_ENDS = ("AT_END", "AT_END_STRING")
_UNLIMITED = 2**31
# An anchor within a part that is repeated so often is written out.
_WRITTEN_OUT = 4
_DIGITS = sum(bit(code) for code in range(ord("0"), ord("9") + 1))
_CAPITALS = sum(bit(code) for code in range(ord("A"), ord("Z") + 1))
_CATEGORIES = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_WORD": _DIGITS | either_case(_CAPITALS) | bit(ord("_")),
    "CATEGORY_SPACE": bit(ord(" ")),
}
_PLAIN = re.compile(r"\^((?:[\w/~,;:=@%&! -]|\\[^\w\s])*)(?![*+?{])", re.ASCII)
_WORDS = {
    "GROUPREF": "a back-reference",
    "GROUPREF_EXISTS": "a condition on a group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
}


class NotRegular(Exception):
    """The expression says what no automaton here can; the message names it."""


class _At(Enum):
    """Where in the text a part of an expression begins."""

    START = "at its start"
    LATER = "later"
    UNSURE = "at its start or later"


def searched(terms: Algebra, pattern: str, ignore_case: bool = False) -> int:
    """Return the texts in which a search finds a pattern.

    Raises ``NotRegular`` for what is no regular language or is not understood, ``TooMuch`` for what is too large.
    """
    key = (pattern, ignore_case)
    if key not in terms.read:
        try:
            terms.read[key] = _search(terms, pattern, ignore_case)
        except (NotRegular, TooMuch) as error:
            terms.read[key] = error
    found = terms.read[key]
    if isinstance(found, Exception):
        raise found
    return found


def _search(terms: Algebra, pattern: str, ignore_case: bool) -> int:
    tree = _parsed(pattern)
    reader = _PatternReader(terms, ignore_case or bool(tree.state.flags & re.IGNORECASE))
    try:
        return reader.search(tree)
    except RecursionError as error:
        raise TooMuch("an expression is nested too deeply") from error


def _parsed(pattern: str) -> Any:
    if len(pattern) > _LONGEST:
        raise TooMuch(f"an expression has more than {_LONGEST:,} letters")
    if "[[:" in pattern:
        raise NotRegular("a POSIX class")
    try:
        return parsed(translated(pattern))
    except (re.error, OverflowError) as error:
        raise NotRegular(f"what Python does not read ({error})") from error
    except RecursionError as error:
        raise TooMuch("an expression is nested too deeply") from error


def literal_prefix(pattern: str) -> str:
    """Return plain letters that a text has to begin with for a pattern; "" where that is not seen at a glance."""
    found = _PLAIN.match(pattern)
    if found is None or ("|" in pattern and not _is_one_branch(pattern)):
        return ""
    prefix = re.sub(r"\\(.)", r"\1", found[1])
    return prefix if all(bit(ord(each)) for each in prefix) else ""


def _is_one_branch(pattern: str) -> bool:
    depth = 0
    for each in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += (each == "(") - (each == ")")
        if each == "|" and depth == 0:
            return False
    return True


def captures_rest(pattern: str) -> str | None:
    """Return the prefix of ``^PREFIX(.*)$``, in which the first group is the rest of the text; None for others."""
    try:
        tree = [(str(name), value) for name, value in _parsed(pattern)]
    except (NotRegular, TooMuch):
        return None
    if tree and tree[-1][0] == "AT" and str(tree[-1][1]) in _ENDS:
        tree.pop()
    if len(tree) < 2 or tree[0][0] != "AT" or str(tree[0][1]) not in _BEGINNINGS or tree[-1][0] != "SUBPATTERN":
        return None
    group, *flags, inner = tree[-1][1]
    body = [(str(name), value) for name, value in inner]
    is_rest = len(body) == 1 and body[0][0] == "MAX_REPEAT" and body[0][1][0] == 0 and body[0][1][1] >= _UNLIMITED
    if group != 1 or any(flags) or not is_rest or [str(name) for name, _ in body[0][1][2]] != ["ANY"]:
        return None
    if any(name != "LITERAL" for name, _ in tree[1:-1]):
        return None
    return "".join(chr(value) for _, value in tree[1:-1])


class _PatternReader:
    def __init__(self, terms: Algebra, ignore_case: bool) -> None:
        self._terms = terms
        self._ignore_case = ignore_case

    def search(self, tree: Any) -> int:
        parts = list(tree)
        behind = next((number for number, part in enumerate(parts) if _is_behind(part)), None)
        if behind is not None:
            return self._after_look_behind(parts[:behind], parts[behind], parts[behind + 1 :])
        terms = self._terms
        first = self._sequence(parts, terms.ANY, _At.START)
        if parts and str(parts[0][0]) == "AT" and str(parts[0][1]) in _BEGINNINGS:
            return first
        later = self._sequence(parts, terms.ANY, _At.LATER)
        anywhere = terms.then(terms.ANY, later)
        return anywhere if first == later else terms.either((first, terms.then(terms.letters(EVERY), anywhere)))

    def _after_look_behind(self, before: list[Any], look: Any, after: list[Any]) -> int:
        terms = self._terms
        anchored = bool(before) and str(before[0][0]) == "AT" and str(before[0][1]) in _BEGINNINGS
        before = before[1:] if anchored else before
        if _places(before) or _places(look[1][1]):
            raise NotRegular("a look-behind after another anchor")
        read = self._sequence(before, terms.EMPTY, _At.UNSURE)
        read = read if anchored else terms.then(terms.ANY, read)
        seen = terms.then(terms.ANY, self._sequence(list(look[1][1]), terms.EMPTY, _At.UNSURE))
        seen = seen if str(look[0]) == "ASSERT" else terms.without(seen)
        return terms.then(terms.both((read, seen)), self._sequence(after, terms.ANY, _At.UNSURE))

    def _sequence(self, parts: Sequence[Any], rest: int, at: _At) -> int:
        """Return the texts that begin with the parts and go on with ``rest``."""
        where = []
        for name, value in parts:
            where.append(at)
            at = _after(str(name), value, at)
        for (name, value), here in zip(reversed(parts), reversed(where), strict=True):
            rest = self._part(str(name), value, rest, here)
        return rest

    def _part(self, name: str, value: Any, rest: int, at: _At) -> int:
        terms = self._terms
        if name == "AT":
            return self._anchor(str(value), rest, at)
        if name in ("ASSERT", "ASSERT_NOT"):
            if value[0] < 0:
                raise NotRegular("a look-behind within a group")
            ahead = self._sequence(list(value[1]), terms.ANY, at)
            return terms.both((rest, ahead if name == "ASSERT" else terms.without(ahead)))
        if name == "SUBPATTERN":
            return self._group(value, rest, at)
        if name == "BRANCH":
            return terms.either([self._sequence(list(branch), rest, at) for branch in value[1]])
        if name in _REPEATS:
            return self._repeat(value, rest, at)
        if name in _WORDS:
            raise NotRegular(_WORDS[name])
        return terms.then(terms.letters(self._letters(name, value)), rest)

    def _group(self, value: Any, rest: int, at: _At) -> int:
        _, added, removed, body = value
        kept = self._ignore_case
        self._ignore_case = bool((kept or added & re.IGNORECASE) and not removed & re.IGNORECASE)
        try:
            return self._sequence(list(body), rest, at)
        finally:
            self._ignore_case = kept

    def _anchor(self, name: str, rest: int, at: _At) -> int:
        terms = self._terms
        if name in _ENDS:
            return terms.EMPTY if terms.matches_empty(rest) else terms.NOTHING
        if name in _BEGINNINGS and at is not _At.UNSURE:
            return rest if at is _At.START else terms.NOTHING
        raise NotRegular("an anchor after what may be empty" if name in _BEGINNINGS else "the end of a word (\\b)")

    def _repeat(self, value: Any, rest: int, at: _At) -> int:
        terms = self._terms
        least, most, body = int(value[0]), int(value[1]), list(value[2])
        limit = None if most >= _UNLIMITED else most
        if not _places(body):
            return terms.then(terms.repeat(self._sequence(body, terms.EMPTY, _At.UNSURE), least, limit), rest)
        if limit is None or limit > _WRITTEN_OUT:
            raise NotRegular("an anchor or a look-ahead in a repetition")
        found = rest
        for number in range(limit, 0, -1):
            once = self._sequence(body, found, at if number == 1 else _At.UNSURE)
            found = once if number <= least else terms.either((rest, once))
        return found

    def _letters(self, name: str, value: Any) -> int:
        if name == "ANY":
            return EVERY
        if name == "IN":
            return self._one_of(value)
        found = self._cased(_known(value))
        return EVERY & ~found if name == "NOT_LITERAL" else found

    def _cased(self, letters: int) -> int:
        return either_case(letters) if self._ignore_case else letters

    def _one_of(self, choices: Sequence[tuple[Any, Any]]) -> int:
        found = 0
        for kind, value in choices:
            name = str(kind)
            if name == "LITERAL":
                found |= _known(value)
            elif name == "RANGE":
                found |= _range(value[0], value[1])
            elif name == "CATEGORY":
                chosen = _CATEGORIES[str(value).replace("_NOT", "")]
                found |= EVERY & ~chosen if "_NOT" in str(value) else chosen
        found = self._cased(found)
        return EVERY & ~found if str(choices[0][0]) == "NEGATE" else found


def _is_behind(part: Any) -> bool:
    return str(part[0]) in ("ASSERT", "ASSERT_NOT") and part[1][0] < 0


def _known(code: int) -> int:
    if code > 127:
        raise NotRegular("a letter beyond ASCII")
    return bit(code)


def _range(first: int, last: int) -> int:
    if first > 127 or 127 < last < 255:
        raise NotRegular("a letter beyond ASCII")
    return sum(bit(code) for code in range(first, min(last, 127) + 1)) | (OTHER if last >= 255 else 0)


def _after(name: str, value: Any, at: _At) -> _At:
    """Where the next part begins: an anchor takes no letter, and what may be empty leaves it open."""
    if name in ("AT", "ASSERT", "ASSERT_NOT") or at is _At.LATER:
        return at
    return _At.LATER if _needs_letter(name, value) else _At.UNSURE


def _needs_letter(name: str, value: Any) -> bool:
    if name == "SUBPATTERN":
        return any(_needs_letter(str(inner), below) for inner, below in value[3])
    if name == "BRANCH":
        return all(any(_needs_letter(str(inner), below) for inner, below in branch) for branch in value[1])
    if name in _REPEATS:
        return bool(value[0]) and any(_needs_letter(str(inner), below) for inner, below in value[2])
    return name in ("LITERAL", "NOT_LITERAL", "ANY", "IN")


def _places(parts: Any) -> int:
    """Count the anchors and assertions in a part of an expression."""
    found = 0
    for name, value in parts:
        kind = str(name)
        if kind in ("AT", "ASSERT", "ASSERT_NOT"):
            found += 1
        elif kind == "SUBPATTERN":
            found += _places(value[3])
        elif kind == "BRANCH":
            found += sum(_places(branch) for branch in value[1])
        elif kind in _REPEATS:
            found += _places(value[2])
        elif kind in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT"):
            raise NotRegular(_WORDS[kind])
    return found
