"""What the figures of a benchmark mean. Pure: nothing here asks anybody."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["Lost", "Seen", "Window", "allowed_loss", "each_lost", "strays", "windows"]


class Lost(NamedTuple):
    """What was lost in something that renewed nginx's workers ``reloads`` times, at least once."""

    requests: int
    reloads: int


class Seen(NamedTuple):
    """``answers`` in a row by the release of this number, the first and the last at these times, in seconds since
    1970. ``sent`` is when the first was asked for, where that is known.
    """

    number: str
    answers: int
    first: float
    last: float
    sent: float | None = None


class Window(NamedTuple):
    """From when until when a release may answer, in seconds since 1970."""

    begin: float
    end: float


def windows(journal: Iterable[Mapping[str, Any]]) -> dict[str, list[Window]]:
    """Tell from the events of a host's journal when each release was live or pending.

    A release may answer from the moment when the link leads to it until it is proved that no worker of it takes
    connections.
    """
    # What was live before the journal begins has no name.
    live = ""
    found: dict[str, list[Window]] = {live: [Window(-math.inf, math.inf)]}

    def open_(release: str, at: float) -> None:
        of_release = found.setdefault(release, [])
        if not of_release or of_release[-1].end < math.inf:
            of_release.append(Window(at, math.inf))

    def close(release: str, at: float) -> None:
        of_release = found[release]
        if of_release[-1].end == math.inf:
            of_release[-1] = of_release[-1]._replace(end=at)

    trial, rolling_back = "", False
    for event in journal:
        at = datetime.fromisoformat(event["at"]).timestamp()
        match event["event"], event.get("mark"):
            case "swap", "begin":
                trial, rolling_back = event["release"], False
                open_(trial, at)
            case "prove", "end" if trial and not rolling_back:
                close(live, at)
            case "swap back", "begin":
                rolling_back = True
                open_(event["release"], at)
            case "rolled_back", _:
                # The link alone was led back where nginx had not been told of the release.
                close(trial or live, at)
                live, trial, rolling_back = event["release"], "", False
            case "confirm", "begin":
                live, trial = event["release"], ""
    return found


def strays(seen: Iterable[Seen], ids: Mapping[str, str], allowed: Mapping[str, list[Window]]) -> list[Seen]:
    """List the answers of releases that were neither live nor pending then; ``ids`` maps numbers to releases.

    Answers in a row must be in one window: between two windows of a release none of it may come.
    """

    def fits(answers: Seen) -> bool:
        begin = answers.first if answers.sent is None else answers.sent
        return any(
            # An answer of the one-by-one client was given somewhere between its request and its end.
            (window.begin <= answers.last and begin <= window.end)
            if answers.sent is not None
            else (window.begin <= answers.first and answers.last <= window.end)
            for window in allowed.get(ids.get(answers.number, ""), [])
        )

    return [answers for answers in seen if not fits(answers)]


def allowed_loss(lost: Sequence[Lost], bare: Sequence[Lost]) -> int:
    """Return how many requests all of ``lost`` may come to, beside what bare reloads lost.

    As many for each reload, and three standard errors of the difference, by the spread that each side has in itself.
    """
    reloads, bare_reloads = sum(each.reloads for each in lost), sum(each.reloads for each in bare)
    error = math.sqrt(reloads * _variance(lost) + reloads**2 / bare_reloads * _variance(bare))
    return math.floor(_mean(bare) * reloads + 3 * error)


def _mean(lost: Sequence[Lost]) -> float:
    return sum(each.requests for each in lost) / sum(each.reloads for each in lost)


def _variance(lost: Sequence[Lost]) -> float:
    """Return how much what one reload loses varies: at least 1, as some that are equal do not prove that all would
    be.
    """
    mean = _mean(lost)
    found = [(each.requests - mean * each.reloads) ** 2 / each.reloads for each in lost]
    return max(1.0, sum(found) / max(1, len(found) - 1))


def each_lost(begins: Sequence[float], losses: Iterable[float]) -> list[int]:
    """Count what was lost since each of these times, until the next one. All are in seconds since 1970."""
    found = [0] * len(begins)
    for at in losses:
        found[max(0, bisect.bisect_right(begins, at) - 1)] += 1
    return found
