"""Which changes the user lists as meant: ``gates_accept``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contract.matching import search
from ..contract.pattern import regex
from ..errors import InputError

__all__ = ["Acceptance", "read_accept"]

_WHAT = ("status", "location", "headers", "body", "upstream", "tls", "directive", "any")
_KEYS = ("request", "what", "reason")


@dataclass(frozen=True)
class Acceptance:
    """One row of ``gates_accept``: the changes of ``what`` in requests that ``request`` names are meant."""

    request: str
    what: str
    reason: str
    where: str

    def covers(self, what: str, words: Sequence[str]) -> bool:
        """Whether the row means a change of ``what``; ``words`` are the texts that the request may be known by.

        Raises ``GaveUp`` for a pattern that takes too long.
        """
        if self.what not in ("any", what):
            return False
        pattern = regex(self.request, path=True)
        if pattern is not None:
            return any(search(pattern, text) is not None for text in words)
        return any(text.startswith(self.request) for text in words)


def read_accept(rows: Sequence[Mapping[str, Any]]) -> list[Acceptance]:
    """Read ``gates_accept``. Raises ``InputError`` that says what is wrong, and where."""
    found = []
    for number, row in enumerate(rows):
        where = f"gates_accept[{number}]"
        if not isinstance(row, Mapping):
            raise InputError(where, f"{row!r} is no mapping; write {{request: …, what: …, reason: …}}")
        for key in row:
            if key not in _KEYS:
                raise InputError(f"{where}.{key}", f"there is no such key; use {', '.join(_KEYS)}")
        texts = {key: str(row.get(key) or "").strip() for key in _KEYS}
        what = texts["what"] or "any"
        if not texts["request"]:
            raise InputError(where, "has no request; write the beginning of a URL or path, or /regex/")
        if what not in _WHAT:
            raise InputError(f"{where}.what", f"{what!r} is nothing that changes; use {', '.join(_WHAT)}")
        if not texts["reason"]:
            raise InputError(where, "has no reason; say in a few words why the change is meant")
        try:
            regex(texts["request"], path=True)
        except ValueError as error:
            raise InputError(f"{where}.request", f"{texts['request']} is not a regex: {error}") from error
        found.append(Acceptance(texts["request"], what, texts["reason"], where))
    return found
