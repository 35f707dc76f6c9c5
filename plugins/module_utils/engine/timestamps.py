"""Moments as logs and the engine write them, in seconds since 1970."""

from __future__ import annotations

import re

__all__ = ["LOCAL", "is_local", "logged_at", "seconds_of"]

# How long $time_local is, as in 21/Nov/2026:15:11:28 +0000.
LOCAL = 26
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Not compiled before one is needed, as most operations read no time.
_LOCAL = rf"(?a)(\d\d)/({'|'.join(_MONTHS)})/(\d{{4}}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)"
_ISO = r"(?a)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[.\d]*(?:([+-]\d\d):?(\d\d))?"
_MSEC = r'(?a)msec[":= ]*(\d{10})'


def logged_at(line: str, at: int = 0) -> int | None:
    """Return when a line was written; ``at`` is where its time probably begins.

    None where it shows no time: known are ``$time_local``, ``$time_iso8601``, and ``$msec`` under this name.
    """
    local = re.match(_LOCAL, line[at : at + LOCAL]) or re.search(_LOCAL, line)
    try:
        if local:
            day, month, year, clock, *zone = local.groups()
            return _seconds(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}", *zone)
        iso = re.search(_ISO, line)
        if iso:
            return _seconds(*iso.groups())
    except ValueError:
        return None
    msec = re.search(_MSEC, line)
    return int(msec[1]) if msec else None


def seconds_of(text: str) -> int:
    """Read ISO-8601; without a zone it is UTC. Raises ``ValueError`` for what is none."""
    found = re.match(_ISO, text)
    if found is None:
        raise ValueError(f"{text!r} is no time such as 2026-11-21T15:11:28Z")
    return _seconds(*found.groups())


def is_local(line: str, at: int) -> bool:
    """Return whether ``$time_local`` stands at ``at``."""
    return re.match(_LOCAL, line[at : at + LOCAL]) is not None


def _seconds(text: str, hours: str | None, minutes: str | None) -> int:
    """Raises ``ValueError`` for a day or an hour that there is not."""
    from datetime import datetime, timezone

    moment = datetime.fromisoformat(f"{text}{hours}:{minutes}" if hours else text)
    return int((moment if hours else moment.replace(tzinfo=timezone.utc)).timestamp())
