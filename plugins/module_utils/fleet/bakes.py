"""Whether the bake of the first wave was long enough for the traffic that came. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..textfmt import count, duration, seconds
from .run_record import Event

__all__ = ["ENOUGH", "short_bake"]

ENOUGH = 300
"""Requests without a fault that show, with 95 %, that fewer than one of a hundred fails: three divided by the share."""

_WORST = 0.5


def short_bake(events: Iterable[Event]) -> str:
    """Return why the first wave saw too little traffic before the next one came, and what would be enough.

    Nothing where it saw enough, where nothing was switched, and where the traffic is not known.
    """
    so_far = list(events)
    switched = [event for event in so_far if event.phase == "activate" and event.good]
    if not switched:
        return ""
    began = switched[0].answer.get("asked")
    first = {event.host: event.at for event in switched if event.answer.get("asked") == began}
    seen: dict[str, int] = {}
    until = ""
    for event in so_far:
        if event.phase == "activate" and event.good and event.host not in first:
            break
        if event.phase == "bake" and event.host in first and event.answer.get("traffic"):
            seen[event.host] = int(event.answer.get("requests") or 0)
            until = event.at
    since, ended = seconds(min(first.values())), seconds(until)
    if not seen or since is None or ended is None:
        return ""
    requests, took = sum(seen.values()), max(0.0, ended - since)
    if requests >= ENOUGH:
        return ""
    if not requests:
        words = (
            f"no visitor came to the first wave in {duration(0.0, took)}, so only its checks have judged the release"
        )
        return f"{words}; a larger first wave or a longer rollout_bake lets visitors judge"
    share = min(_WORST, 3 / requests)
    words = f"the first wave saw {count(requests, 'request')} in {duration(0.0, took)}"
    words += f": a fault in up to {share:.0%} of them may not have shown"
    if not took:
        return words
    needed = duration(0.0, math.ceil(took * ENOUGH / requests))
    return f"{words}; {ENOUGH} requests show 1 % and take {needed} at this rate (rollout_bake)"
