"""Readers of single values that a user wrote: each takes the value and its path, and raises ``InputError`` in words."""

from __future__ import annotations

# `collections.abc` itself would import the whole of `collections`.
from _collections_abc import Mapping

from ..closest_match import closest_matches
from ..errors import InputError
from ..lean import TYPE_CHECKING
from .pattern import regex
from .url import is_host, parse_url

if TYPE_CHECKING:
    from typing import Iterable

__all__ = [
    "METHODS",
    "read_address",
    "read_body",
    "read_expected",
    "read_expected_headers",
    "read_flag",
    "read_headers",
    "read_mapping",
    "read_method",
    "read_milliseconds",
    "read_status",
    "read_text",
    "read_url",
    "shown",
    "split_address",
]

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")

_DIGITS = frozenset("0123456789")
_IPV6 = _DIGITS | frozenset("abcdefABCDEF:.")
# What a header's name may hold.
_TOKEN = _DIGITS | frozenset("!#$%&'*+.^_`|~-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def shown(value: object) -> str:
    """Show a value as its owner wrote it: YAML's words for null and booleans."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(str(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def read_mapping(value: object, path: str, keys: Iterable[str]) -> Mapping[str, object]:
    """Read a mapping that may hold ``keys`` only."""
    known = list(keys)
    if not isinstance(value, Mapping):
        raise InputError(path, f"{shown(value)} is not a mapping; expected some of {', '.join(known)}")
    for key in value:
        if key not in known:
            near = closest_matches(str(key).lower(), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(known)}"
            raise InputError(path, f"unknown key {shown(key)}; {hint}")
    return value


def read_text(value: object, path: str) -> str:
    """Read a text; a whole number is taken as its digits, other things must be quoted to be exact."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InputError(path, f"{shown(value)} is not text; write it in quotes")


def _read_unshown(value: object, path: str) -> str:
    """Read a text as ``read_text`` does. What it is instead is told by its kind: it may hold a secret."""
    if value is None or isinstance(value, bool):
        return read_text(value, path)
    if isinstance(value, (str, int)):
        return str(value)
    kind = "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, (list, tuple)) else "this"
    raise InputError(path, f"{kind} is not text; write it in quotes")


def read_flag(value: object, path: str) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise InputError(path, f"{shown(value)} is neither true nor false")


def read_milliseconds(value: object, path: str) -> int:
    """Read a bound in milliseconds, a whole number above 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return int(value)
    raise InputError(path, f"{shown(value)} is not a time; use a whole number of milliseconds above 0")


def read_method(value: object, path: str) -> str:
    """Read a method, in any case; the answer is upper case."""
    if isinstance(value, str) and value.lower() in METHODS:
        return str(value).upper()
    raise InputError(path, f"{shown(value)} is not a method; use {', '.join(METHODS)}")


def read_url(value: object, path: str) -> str:
    """Read an absolute http or https URL."""
    if not isinstance(value, str):
        raise InputError(path, f"{shown(value)} is not a URL; use http://host/path or https://host/path")
    try:
        parse_url(value)
    except ValueError as error:
        raise InputError(path, str(error)) from None
    return str(value)


def read_address(value: object, path: str) -> str:
    """Read where to connect: ``address`` or ``address:port``, IPv6 in brackets before a port."""
    if isinstance(value, str):
        host, port = split_address(value)
        if is_host(host) and (port is None or 0 < port < 65536):
            return str(value)
    raise InputError(path, f"{shown(value)} is not an address; use 127.0.0.1, 127.0.0.1:8080, ::1 or [::1]:8080")


def split_address(text: str) -> tuple[str, int | None]:
    """Split ``address:port``; the port is None where there is none."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        is_address = bool(host) and _IPV6.issuperset(host)
    else:
        host, colon, rest = text.partition(":")
        rest = colon + rest
        is_address = bool(host) and "[" not in host and "]" not in host
    if is_address and not rest:
        return host, None
    if is_address and rest[0] == ":" and 1 < len(rest) < 7 and _DIGITS.issuperset(rest[1:]):
        return host, int(rest[1:])
    # An IPv6 address without brackets.
    return text, None


def read_headers(value: object, path: str) -> tuple[tuple[str, str], ...]:
    """Read headers to send, name to value."""
    return tuple((name, _header_value(raw, f"{path}.{name}")) for name, raw in _header_rows(value, path))


def read_expected_headers(value: object, path: str) -> tuple[tuple[str, str | None], ...]:
    """Read headers to see, name to exact value or ``/regex/``; None: the header must be absent."""
    return tuple(
        (name, None if raw is None else read_expected(raw, f"{path}.{name}")) for name, raw in _header_rows(value, path)
    )


def _header_rows(value: object, path: str) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        raise InputError(path, "this is not a mapping; expected header names and their values")
    seen: dict[str, str] = {}
    for name in value:
        if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
            raise InputError(path, f"{shown(name)} is not a header's name; use letters, digits and hyphens")
        if name.lower() in seen:
            raise InputError(path, f"{seen[name.lower()]!r} and {str(name)!r} are the same header; keep one")
        seen[name.lower()] = str(name)
    return [(str(name), raw) for name, raw in value.items()]


def _header_value(value: object, path: str) -> str:
    text = _read_unshown(value, path)
    if any(not letter.isprintable() and letter != "\t" for letter in text):
        # Not the value, which may be a secret: one read from a file ends with a line break, mostly.
        raise InputError(path, "the value holds a line break or a control character; a header is one line")
    return text


def read_expected(value: object, path: str, *, is_path: bool = False) -> str:
    """Read a text to see, or a ``/regex/`` that compiles."""
    text = read_text(value, path)
    try:
        found = regex(text, path=is_path)
    except ValueError as error:
        raise InputError(path, f"{shown(text)} is not a regular expression: {error}") from None
    if not text or (found is not None and not found.pattern):
        raise InputError(path, f"{shown(text)} is true of anything; expected a text or /regex/")
    return text


def read_status(value: object, path: str) -> tuple[str, ...]:
    """Read one status or a list of them, as ``200`` or ``2xx``."""
    if not isinstance(value, (list, tuple)):
        return (_one_status(value, path),)
    if not value:
        raise InputError(path, "an empty list holds no status; use 200, [200, 204] or 2xx")
    return tuple(_one_status(item, f"{path}[{number}]") for number, item in enumerate(value))


def _one_status(value: object, path: str) -> str:
    text = str(value).lower() if isinstance(value, (int, str)) else ""
    if len(text) == 3 and text[0] in "12345" and (text[1:] == "xx" or _DIGITS.issuperset(text[1:])):
        return text
    raise InputError(path, f"{shown(value)} is not a status; use 200, [200, 204] or 2xx")


def read_body(value: object, path: str) -> tuple[str, bool]:
    """Read a body to send: the text, and whether it is a form (written as a mapping) that was encoded."""
    if not isinstance(value, Mapping):
        if isinstance(value, (list, tuple)) or value is None:
            kind = "null" if value is None else "a list"
            raise InputError(path, f"{kind} is not a body; use a text, or a mapping for a form")
        return _read_unshown(value, path), False
    fields = [
        (str(name), _read_unshown(item, f"{path}.{name}"))
        for name, found in value.items()
        for item in (found if isinstance(found, (list, tuple)) else [found])
    ]
    from urllib.parse import urlencode

    return urlencode(fields), True
