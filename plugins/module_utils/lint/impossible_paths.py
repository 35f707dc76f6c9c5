"""Why an expression, or a plain word, is the path of no request."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from ..config.regexes import CATEGORIES, REPEATS, compiled, parsed

__all__ = ["DECODED", "RAW", "dead_alternative", "matches_no_path", "no_path"]

DECODED = ("$uri", "$document_uri")
"""Variables that hold the path of a request as nginx compares it with locations: decoded, without its arguments."""
RAW = "$request_uri"
"""The variable that holds the path and its arguments as the client wrote them."""

_WITHOUT_SLASH = "it does not begin with a slash"
_QUERY = "arguments are no part of the path that nginx compares"
_ENCODED = "nginx compares the decoded path, which has no %{}"
_FRAGMENT = "what follows a # stays in the browser"
_SPACE = "clients write a space as %20"
_EMPTY = "no path is empty"
# Of %25 a decoded path keeps the sign, and may have any digits behind it.
_ESCAPE = re.compile(r"%(?!25)([0-9a-f]{2})", re.IGNORECASE)
# Maps have thousands of expressions that begin with a slash and have nothing that a path has not.
_USUAL = re.compile(r"\^?/(?:[^#%?\\\[ ]|\\[./dw-]|(?<![(\\])\?)*")
_HEX = frozenset("0123456789abcdefABCDEF")
_SLASH = ord("/")


def no_path(word: str, *, raw: bool = False) -> str:
    """Return why no request has a plain word as its path; "" where one may. ``raw`` is for ``$request_uri``."""
    if not word.startswith(("/", "$")):
        return _WITHOUT_SLASH if word else _EMPTY
    if "#" in word:
        return _FRAGMENT
    if raw:
        return _SPACE if " " in word else ""
    if "$" in word:
        return ""
    escape = _ESCAPE.search(word)
    return _QUERY if "?" in word else _ENCODED.format(escape[1]) if escape else ""


@functools.lru_cache(maxsize=20_000)
def matches_no_path(pattern: str, *, ignore_case: bool = False, raw: bool = False) -> str:
    """Return why an expression matches the path of no request; "" where it may."""
    if _USUAL.fullmatch(pattern):
        return ""
    regex = compiled(pattern, ignore_case)
    if regex is None:
        return ""
    parts = list(parsed(regex.regex.pattern))
    if _begins(parts) and not _may_begin_with_slash(parts[1:]):
        return _EMPTY if _is_end(parts[1:2]) else "the expression requires a path without a leading slash"
    return _requires(parts, raw)


@functools.lru_cache(maxsize=20_000)
def dead_alternative(pattern: str, *, ignore_case: bool = False) -> str:
    """Return why one of several alternatives in an expression matches the path of no request; "" where all may."""
    regex = compiled(pattern, ignore_case) if "|" in pattern else None
    return "" if regex is None else _lacks_one(list(parsed(regex.regex.pattern)))


def _lacks_one(parts: Sequence[Any]) -> str:
    for name, value in parts:
        kind, why = str(name), ""
        if kind == "SUBPATTERN":
            why = _lacks_one(value[3])
        elif kind == "BRANCH":
            reasons = [_requires(each, raw=False) for each in value[1]]
            why = next(filter(None, reasons), "") if not all(reasons) else ""
        if why:
            return why
    return ""


def _begins(parts: Sequence[Any]) -> bool:
    return bool(parts) and str(parts[0][0]) == "AT" and str(parts[0][1]) in ("AT_BEGINNING", "AT_BEGINNING_STRING")


def _is_end(parts: Sequence[Any]) -> bool:
    return bool(parts) and str(parts[0][0]) == "AT" and str(parts[0][1]).startswith("AT_END")


def _may_begin_with_slash(parts: Sequence[Any]) -> bool:
    """Return whether what parts match may begin with a slash; True as well for what is not understood."""
    for number, (name, value) in enumerate(parts):
        kind = str(name)
        if kind == "LITERAL":
            return bool(value == _SLASH)
        if kind == "NOT_LITERAL":
            return bool(value != _SLASH)
        if kind == "IN":
            return _takes_slash(value)
        if kind == "SUBPATTERN":
            return _may_begin_with_slash([*value[3], *parts[number + 1 :]])
        if kind == "BRANCH":
            return any(_may_begin_with_slash([*each, *parts[number + 1 :]]) for each in value[1])
        if kind in REPEATS:
            if _may_begin_with_slash(value[2]):
                return True
            if value[0]:
                return False
        else:
            return not _is_end(parts[number:])
    return True


def _takes_slash(members: Sequence[Any]) -> bool:
    negated, found = False, False
    for name, value in members:
        kind = str(name)
        if kind == "NEGATE":
            negated = True
        elif kind == "LITERAL":
            found |= value == _SLASH
        elif kind == "RANGE":
            found |= value[0] <= _SLASH <= value[1]
        elif kind == "CATEGORY" and str(value) not in CATEGORIES:
            # What is no digit, letter or space.
            found = True
    return found != negated


def _requires(parts: Sequence[Any], raw: bool) -> str:
    """Return why no path, decoded or ``raw``, has what parts require."""
    for number, (name, value) in enumerate(parts):
        kind, why = str(name), ""
        if kind == "LITERAL":
            why = _required_letter(chr(value), parts[number + 1 : number + 3], raw)
        elif kind == "SUBPATTERN":
            why = _requires(value[3], raw)
        elif kind == "BRANCH":
            reasons = [_requires(each, raw) for each in value[1]]
            why = reasons[0] if all(reasons) else ""
        elif kind in REPEATS and value[0]:
            why = _requires(value[2], raw)
        if why:
            return why
    return ""


def _required_letter(letter: str, following: Sequence[Any], raw: bool) -> str:
    if letter == "#":
        return _FRAGMENT
    if raw:
        return _SPACE if letter == " " else ""
    if letter == "?":
        return _QUERY
    if letter != "%" or len(following) < 2:
        return ""
    digits = [_hex_digit(*each) for each in following]
    return _ENCODED.format("".join(digits)) if all(digits) and digits != ["2", "5"] else ""


def _hex_digit(name: Any, value: Any) -> str:
    """Return the digit that a part begins with; of a set as ``[Ff]`` its first."""
    if str(name) in REPEATS and value[0]:
        return _hex_digit(*next(iter(value[2]), ("", "")))
    if str(name) == "LITERAL":
        return chr(value) if chr(value) in _HEX else ""
    letters = [chr(each) if str(kind) == "LITERAL" else "" for kind, each in value] if str(name) == "IN" else []
    return letters[0] if letters and all(each in _HEX and each for each in letters) else ""
