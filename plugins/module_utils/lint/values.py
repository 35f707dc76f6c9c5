"""The values that nginx writes with units: times in seconds, sizes in bytes, rates per second."""

from __future__ import annotations

import re

from ..untrusted import whole_number

__all__ = ["in_bytes", "in_seconds", "number", "per_second", "unit"]

_TIME = re.compile(r"(\d+)(ms|[smhdwMy]?)")
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_SIZE = re.compile(r"(\d+)([kKmMgG]?)")
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_RATE = re.compile(r"(\d+)r/([sm])")


def in_seconds(text: str) -> float | None:
    """Return a time as ``90``, ``500ms`` or ``1h 30m`` in seconds; None when it is none."""
    words = text.split()
    parts = _TIME.findall("".join(words))
    if not parts or "".join(digits + letters for digits, letters in parts) != "".join(words):
        return None
    return sum(float(digits) * _SECONDS[letters] for digits, letters in parts)


def in_bytes(text: str) -> float | None:
    """Return a size as ``512``, ``20m`` or ``1g`` in bytes; None when it is none."""
    match = _SIZE.fullmatch(text)
    return float(match[1]) * _BYTES[match[2].lower()] if match else None


def per_second(text: str) -> float | None:
    """Return a rate as ``10r/s`` or ``30r/m`` per second; None when it is none."""
    match = _RATE.fullmatch(text)
    return float(match[1]) / (1 if match[2] == "s" else 60) if match else None


def number(text: str) -> float | None:
    """Return a plain number; None when it is none."""
    found = whole_number(text)
    return None if found is None else float(found)


def unit(text: str) -> tuple[str, str]:
    """Return the digits and the unit of a value: ``20m`` into ``20`` and ``m``."""
    match = re.fullmatch(r"(\d+)(.*)", text)
    return (match[1], match[2]) if match else ("", text)
