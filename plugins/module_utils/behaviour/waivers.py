"""Which changes the user lists as meant: ``gates_accept``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import values
from ..contract.matching import search
from ..contract.pattern import regex
from ..errors import InputError
from ..schema import Model, Reader, key, listing, mapping, reader

__all__ = ["Acceptance", "read_accept"]

_WHAT = ("any", "status", "location", "headers", "body", "upstream", "tls", "directive")


@reader("str")
def _request(value: object, where: str) -> str:
    text = values.words(value, where)
    try:
        regex(text, path=True)
    except ValueError as error:
        raise InputError(where, f"{text} is not a regex: {error}") from error
    return text


def _what(value: object, where: str) -> str:
    if value not in _WHAT:
        raise InputError(where, f"{value!r} is nothing that changes; use {', '.join(_WHAT)}")
    return str(value)


@dataclass(frozen=True, kw_only=True)
class Acceptance(Model):
    """One row of ``gates_accept``: the changes of ``what`` in requests that ``request`` names are meant."""

    request: str = key(
        _request,
        "The beginning of the URLs, or C(/a regular expression/) that they match.",
        required=True,
        advice="write the beginning of a URL or path, or /regex/",
    )
    what: str = key(
        Reader(_what, {"type": "str", "choices": list(_WHAT)}), "Which part of the answer may change.", default="any"
    )
    reason: str = key(
        values.words,
        "Why. It stands in the record.",
        required=True,
        advice="say in a few words why the change is meant",
    )

    def covers(self, what: str, words: Sequence[str]) -> bool:
        """Return whether the row means a change of ``what``; ``words`` are the texts that the request may be known by.

        Raises ``GaveUp`` for a pattern that takes too long.
        """
        if self.what not in ("any", what):
            return False
        pattern = regex(self.request, path=True)
        if pattern is not None:
            return any(search(pattern, text) is not None for text in words)
        return any(text.startswith(self.request) for text in words)


def read_accept(rows: object) -> tuple[Acceptance, ...]:
    """Read ``gates_accept``. Raises ``InputError`` that says what is wrong, and where."""
    return listing(mapping(Acceptance))(rows, "gates_accept")
