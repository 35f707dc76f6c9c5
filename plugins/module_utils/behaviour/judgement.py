"""The words for what a difference is."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Judgement", "Sort"]

Sort = Literal["regression", "collateral", "slip", "intended", "shown"]
"""Something got worse, an effect elsewhere than where was edited, a slip; what the edit set out to do, or less."""


class Judgement(NamedTuple):
    """What a difference is, and in a few words why."""

    sort: Sort
    why: str

    @property
    def fails(self) -> bool:
        """Return whether a person has to say a word."""
        return self.sort in ("regression", "collateral", "slip")
