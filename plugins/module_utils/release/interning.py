"""Values that many hosts share: each is written as JSON once, however many have it."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Texts"]


class Texts:
    """The JSON of values. A value is known by its identity, as that of a group's variable is one for all its hosts."""

    def __init__(self, *, ordered: bool = False) -> None:
        """With ``ordered`` the order of a mapping's keys does not count; all of them must be texts then."""
        self._ordered = ordered
        # The value is held, so that its identity stays its own.
        self._texts: dict[int, tuple[Any, str]] = {}
        self._values: dict[str, Any] = {}

    def text(self, value: Any) -> str:
        """Write a value as JSON; what is no plain data is written as text."""
        known = self._texts.get(id(value))
        if known is None:
            known = self._texts[id(value)] = (value, json.dumps(value, sort_keys=self._ordered, default=str))
        return known[1]

    def plain(self, value: Any) -> Any:
        """Turn a value into plain data: equal ones into the same, which nobody changes."""
        text = self.text(value)
        if text not in self._values:
            self._values[text] = json.loads(text)
        return self._values[text]
