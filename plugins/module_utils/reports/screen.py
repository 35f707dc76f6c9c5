"""Where a run is shown while it goes on."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Screen", "Tone"]

Tone = str
"""How a line is meant: ``good``, ``bad``, ``unsure`` or nothing."""


class Screen(Protocol):
    """Where it is shown. Both may be called on any thread."""

    def line(self, text: str, tone: Tone = "") -> None:
        """Show a line that stays."""

    def text(self, text: str, tone: Tone = "") -> None:
        """Show several lines that stay."""
