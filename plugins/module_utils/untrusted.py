"""What comes from outside is data: the readers of ids, names, numbers and texts that others have written.

A host, a visitor, an upstream, a pull request or a file may say anything. Only what one of these readers has returned
becomes a path, a number, or a line that a person reads. One code for the controller and for hosts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NewType, Sequence

from .errors import SluiceError

__all__ = [
    "Name",
    "ReleaseId",
    "has_controls",
    "has_in_order",
    "is_inside",
    "printable",
    "read_name",
    "read_release_id",
    "whole_number",
]

ReleaseId = NewType("ReleaseId", str)
Name = NewType("Name", str)

_HEX = frozenset("0123456789abcdef")
_ID_LENGTH = 64
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_NAME_LENGTH = 31
# To Unicode these are letters and marks, so Python takes them for printable: fillers of Hangul, a blank of Braille, and
# what chooses a variant of the letter before it. Those of emojis (U+FE0E and U+FE0F) stay, as people write them.
_UNSEEN = frozenset(
    chr(code)
    for codes in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159),
        *(range(0x180B, 0x1810), range(0xFE00, 0xFE0E), range(0xE0100, 0xE01F0)),
    )
    for code in codes
)
# More digits than any count, time or size has; int() takes quadratic time.
_MOST_DIGITS = 18


def read_release_id(value: object) -> ReleaseId:
    """Return ``value`` as the id of a release: 64 hexadecimal digits, in lower case. Raises ``SluiceError``."""
    if isinstance(value, str) and len(value) == _ID_LENGTH and _HEX.issuperset(value):
        return ReleaseId(value)
    raise SluiceError(f"{_quoted(value)} is no release id; expected 64 hexadecimal digits")


def read_name(value: object, what: str) -> Name:
    """Return ``value`` as a name that may become part of a path: at most 31 letters a-z, digits and hyphens.

    ``what`` says what is named, as ``sandbox_name``. Raises ``SluiceError``.
    """
    if isinstance(value, str) and 0 < len(value) <= _NAME_LENGTH and _is_plain(value):
        return Name(value)
    raise SluiceError(
        f"{what}: {_quoted(value)} is no name; use 1 to {_NAME_LENGTH} letters a-z, digits and hyphens, "
        "the first no hyphen"
    )


def whole_number(text: str) -> int | None:
    """Return the number that ``text`` writes in the digits 0 to 9; None for anything else.

    ``str.isdigit`` accepts digits of all scripts, and some that ``int`` refuses.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def has_in_order(text: str, parts: Sequence[str]) -> bool:
    """Return whether a text has all parts one after the other, the first at its beginning and the last at its end.

    So a pattern with stars fits, whose ``parts`` are what stands between them. As a regular expression it would take
    time that grows with a power of the text, one more for each star.
    """
    first, *middle = parts
    if not middle:
        return text == first
    last = middle.pop()
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def has_controls(text: str) -> bool:
    """Return whether ``text`` has characters that no person sees and a terminal, a log or a parser may obey.

    Control and format characters (escapes, line ends, direction marks), separators other than the space, surrogates,
    and letters and marks that leave nothing on the screen.
    """
    return not text.isprintable() or not (text.isascii() or _UNSEEN.isdisjoint(text))


def printable(text: str, keep: str = "") -> str:
    r"""Return ``text`` with each character of ``has_controls`` written as an escape, as ``\x1b``; ``keep`` stay.

    A line of a log or a table takes nothing that is kept; a text of several lines keeps line ends and tabs.
    """
    if not has_controls(text):
        return text
    return "".join(letter if letter in keep or not has_controls(letter) else _escape(letter) for letter in text)


def _is_plain(value: str) -> bool:
    return value[0] != "-" and _LETTERS.issuperset(value.replace("-", ""))


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")


def is_inside(path: Path, root: Path) -> bool:
    """Return whether ``path`` lies below ``root``, links resolved; ``root`` itself does not."""
    whole, below = os.path.realpath(path), os.path.realpath(root)
    return whole != below and os.path.commonpath([whole, below]) == below


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        return type(value).__name__
    shown = printable(value[: _ID_LENGTH + 1])
    return f"'{shown}'" if len(shown) <= _ID_LENGTH else f"'{shown[:_ID_LENGTH]}…'"
