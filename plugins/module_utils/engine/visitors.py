"""What visitors bring about, before and after a switch: who got which answers, and lines of error logs about them.

A visitor may provoke errors on purpose, so that a good release looks bad. One whose requests are suddenly many does not
decide alone.
"""

from __future__ import annotations

import time
from typing import Collection, Mapping

from ..untrusted import whole_number
from .logs import Share, tail_before
from .records import SEVERE, kind_of, read_head

__all__ = ["Clients", "kinds_before", "risen"]

# Of an address: its requests, those answered with 5xx, and those with 4xx or 5xx.
_FAILED, _REFUSED = 1, 2
_MOST_CLIENTS = 50_000
_RISE_COUNT, _RISE_FACTOR = 5, 2.0
_ADDRESS = '"remote_addr":'
_STAMP = "%Y/%m/%d %H:%M:%S"


class Clients:
    """Requests, and how they failed, by the address that asked; those whose address is not shown have none."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}
        # By how they are written, so that each is read once.
        self._known: dict[str, list[int]] = {}

    def add(self, line: str, status: str) -> None:
        """Count a line of an access log."""
        word = _client(line) if line[:1] == "{" else line[: line.find(" ")]
        row = self._known.get(word)
        if row is None:
            row = self._row_of(word)
        row[0] += 1
        if status >= "4":
            row[_REFUSED] += 1
            row[_FAILED] += status >= "5"

    def _row_of(self, word: str) -> list[int]:
        is_room = len(self._rows) < _MOST_CLIENTS
        row = self._rows.setdefault(_network(word) if is_room else "", [0, 0, 0])
        if len(self._known) < 2 * _MOST_CLIENTS:
            self._known[word] = row
        return row

    def share(self, without: Collection[str] = ()) -> Share:
        """Return how many requests failed with 5xx, those of some addresses left out."""
        rows = [row for who, row in self._rows.items() if who not in without]
        return Share(sum(row[0] for row in rows), sum(row[_FAILED] for row in rows), 0)

    def refused(self) -> Share:
        """Return to how many addresses 4xx or 5xx were answered: anybody can ask for what is not there, but only for
        himself.
        """
        return Share(len(self._rows), sum(row[_REFUSED] > 0 for row in self._rows.values()), 0)

    def suspects(self, before: Clients) -> list[str]:
        """Return the address with the most 5xx, where its part of all requests is more than twice what it was
        ``before``; one of IPv4 and one of IPv6, as one visitor may have both.

        A balancer that asks for everybody has the part that it had. Where nobody asked before, nobody is suspect.
        """
        found = []
        for kind in (".", ":"):
            who = max(
                (each for each in self._rows if kind in each), key=lambda each: self._rows[each][_FAILED], default=""
            )
            if who and before._rows and self._rows[who][_FAILED] and self._part(who) > 2 * before._part(who):
                found.append(who)
        return found

    def _part(self, who: str) -> float:
        return self._rows.get(who, [0])[0] / max(1, sum(row[0] for row in self._rows.values()))


def _client(line: str) -> str:
    return line.partition(_ADDRESS)[2].partition('"')[2].partition('"')[0]


def _network(word: str) -> str:
    """Return who a first word or a field means: an address, of IPv6 the network that one customer has (/48); nothing
    where it is none.
    """
    # As a socket for both kinds of addresses shows IPv4.
    word = word.rpartition(":")[2] if "." in word and word.startswith("::") else word
    if ":" in word:
        head, _, tail = word.partition("::")
        groups, behind = head.split(":"), tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(behind)) + behind
        return f"{':'.join(group.lstrip('0') or '0' for group in groups[:3])}::/48"
    numbers = word.split(".")
    return word if len(numbers) == 4 and all(whole_number(each) is not None for each in numbers) else ""


def kinds_before(marks: Mapping[str, list[int]], began: int, seconds: int) -> dict[str, float]:
    """Count the kinds of severe lines about connections in the time before a switch.

    Returns how many of each would come in ``seconds``, by those of the last minute at least.
    """
    found: dict[str, float] = {}
    window = max(seconds, 60)
    for path, at in marks.items():
        lines, whole = tail_before(path, list(at))
        heads = [(line, read_head(line.encode("utf-8", "replace"))) for line in lines]
        stamps = [line[:19] for line, head in heads if head is not None]
        if not stamps:
            continue
        known = window if whole else max(1, min(window, began - _second(stamps[0])))
        first = time.strftime(_STAMP, time.localtime(began - known))
        for line, head in heads:
            if head is not None and head.level in SEVERE and head.is_about_client and line[:19] >= first:
                kind = kind_of(head.text)
                found[kind] = found.get(kind, 0.0) + seconds / known
    return found


def _second(stamp: str) -> int:
    parts = stamp.replace("/", " ").replace(":", " ").split()
    year, month, day, hour, minute, second = (int(part) for part in parts)
    try:
        return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    except (OverflowError, ValueError):
        return 0


def risen(before: Mapping[str, float], since: Mapping[str, int]) -> list[str]:
    """Return the kinds of lines of which there are at least five more than before, and more than twice as many."""
    return sorted(
        kind
        for kind, count in since.items()
        if count - before.get(kind, 0.0) >= _RISE_COUNT and count > _RISE_FACTOR * before.get(kind, 0.0)
    )
