"""Times of records, and how they are told: in UTC, always."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["clock", "day", "lasting", "moment"]


def moment(value: object) -> datetime | None:
    """Read ISO-8601; one without a zone is in UTC. None for what is no time."""
    try:
        found = datetime.fromisoformat(str(value))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def clock(value: object) -> str:
    """``15:11:28 UTC``."""
    at = moment(value)
    return f"{at:%H:%M:%S} UTC" if at else "at an unknown time"


def day(value: object) -> str:
    """``21 November 2026``."""
    at = moment(value)
    return f"{at.day} {at:%B %Y}" if at else "an unknown day"


def lasting(began: object, ended: object) -> str:
    """``6 s``, ``2 min 5 s``, ``11 h 16 min``."""
    first, last = moment(began), moment(ended)
    if first is None or last is None:
        return "an unknown time"
    seconds = max(0.0, (last - first).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"
