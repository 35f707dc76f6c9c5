"""Moments of a record, which are ISO-8601 in UTC, as seconds and as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["day", "lasting", "seconds"]


def seconds(moment: object) -> float | None:
    """Seconds since the epoch; None for what is no moment."""
    try:
        found = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def day(moment: object) -> str:
    """``2026-01-02 03:04:05 UTC``."""
    at = seconds(moment)
    return str(moment) if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(length: float | None) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if length is None or length < 0:
        return "?"
    if length < 10:
        return f"{length:.1f} s"
    if length < 120:
        return f"{length:.0f} s"
    minutes, rest = divmod(round(length), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
