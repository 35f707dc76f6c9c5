"""Small matters of English."""

from __future__ import annotations

__all__ = ["count"]


def count(number: int, noun: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
