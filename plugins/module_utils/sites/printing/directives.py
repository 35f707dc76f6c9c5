"""Printing nginx's language: quoting, and directives as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...errors import SluiceError

__all__ = ["Directive", "directives", "quote"]

Directive = tuple[str, ...]
"""A directive and its arguments, not quoted yet."""

_BARE = re.compile(r"[A-Za-z0-9_./:$@%&*+=?^|\\()\[\],~!<>-][A-Za-z0-9_./:$@%&*+=?^|\\()\[\],~!<>#-]*")
_CONTROL = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(value: object) -> str:
    """Return ``value`` as one argument of a directive: bare where nginx reads it as it is, else in double quotes.

    nginx drops a backslash only before a quote, a backslash, ``t``, ``r`` and ``n``, so only there it is doubled, and
    a regex such as ``\\.php$`` stays as people write it. A ``$`` cannot be quoted in nginx: it begins a variable.
    Raises ``SluiceError`` for control characters, which no configuration can hold.
    """
    text = str(value)
    kept = re.sub(r"\\(?=[\\\"'trn\n\r\t]|\Z)", r"\\\\", text)
    if _BARE.fullmatch(text):
        return kept
    escaped = re.sub(r"[\n\r\t]", lambda found: _CONTROL[found[0]], kept.replace('"', '\\"'))
    if re.search(r"[\x00-\x1f\x7f]", escaped):
        raise SluiceError("a value holds a control character, and nginx can read none: remove it")
    return f'"{escaped}"'


def directives(rows: Iterable[Sequence[object]]) -> str:
    """Print directives, one a line, each argument quoted where needed."""
    return "\n".join(f"{row[0]} {' '.join(quote(value) for value in row[1:])}".rstrip() + ";" for row in rows)
