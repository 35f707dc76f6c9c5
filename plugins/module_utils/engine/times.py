"""When a line of an access log was written, without ``datetime`` and ``re``."""

from __future__ import annotations

from ..lean import TYPE_CHECKING
from ..lean.texts import fits

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["LOCAL", "is_local", "logged_at", "seconds_of"]

# How long $time_local is, as in 21/Nov/2026:15:11:28 +0000.
LOCAL = 26
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def logged_at(line: str, at: int = 0) -> int | None:
    """Tell when a line was written, in seconds since 1970; ``at`` is where its time probably begins.

    None where it shows no time: known are ``$time_local``, ``$time_iso8601``, and ``$msec`` under this name.
    """
    if is_local(line, at):
        return _local(line, at)
    found = _around(line, "/", 2, _local)
    if found is None:
        found = _around(line, "T", 10, _iso)
    if found is None:
        digits = line.partition("msec")[2].lstrip('":= ')[:10]
        found = int(digits) if fits(digits, "0000000000") else None
    return found


def seconds_of(text: str) -> int:
    """Read ISO-8601 in seconds since 1970; without a zone it is UTC. Raises ``ValueError`` for what is none."""
    found = _iso(text, 0)
    if found is None:
        raise ValueError(f"{text!r} is no time such as 2026-11-21T15:11:28Z")
    return found


def is_local(line: str, at: int) -> bool:
    """Tell whether ``$time_local`` stands at ``at``, as far as that can be told by a glance."""
    return line[at + 2 : at + 3] == "/" and fits(line[at + 12 : at + 20], "00:00:00")


def _around(line: str, mark: str, before: int, read: Callable[[str, int], int | None]) -> int | None:
    """Look for a time at each ``mark``, which stands ``before`` letters behind its beginning."""
    at = line.find(mark, before)
    while at >= 0:
        found = read(line, at - before)
        if found is not None:
            return found
        at = line.find(mark, at + 1)
    return None


def _local(line: str, at: int) -> int | None:
    text = line[at : at + LOCAL]
    month = _MONTHS.find(text[3:6])
    if month % 3 or not fits(f"{text[:3]}{text[6:21]}", "00//0000:00:00:00 "):
        return None
    ahead = _zone(text[21:])
    return None if ahead is None else _epoch(text[7:11], month // 3 + 1, text[:2], text[12:20]) - ahead


def _iso(line: str, at: int) -> int | None:
    text = line[at : at + 19]
    if not fits(text, "0000-00-00T00:00:00"):
        return None
    zone = line[at + 19 :].lstrip(".0123456789")[:6]
    ahead = (_zone(zone.replace(":", "")[:5]) or 0) if zone[:1] in ("+", "-") else 0
    return _epoch(text[:4], int(text[5:7]), text[8:10], text[11:]) - ahead


def _zone(text: str) -> int | None:
    """Read how many seconds a zone as ``+0130`` is ahead of UTC."""
    if text[:1] not in ("+", "-") or not fits(text[1:5], "0000"):
        return None
    seconds = int(text[1:3]) * 3600 + int(text[3:5]) * 60
    return -seconds if text[0] == "-" else seconds


def _epoch(year: str, month: int, day: str, clock: str) -> int:
    """Count the seconds since 1970; a year begins in March, so that the leap day is its last."""
    since_march = (month + 9) % 12
    years = int(year) - since_march // 10
    days = years * 365 + years // 4 - years // 100 + years // 400 + (since_march * 306 + 5) // 10 + int(day) - 719469
    return days * 86400 + int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])
