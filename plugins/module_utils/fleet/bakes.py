"""Whether the bake of the first wave was long enough for the traffic that came. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

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
    baked: dict[str, float] = {}
    for event in so_far:
        if event.phase == "activate" and event.good and event.host not in first:
            break
        if event.phase == "bake" and event.host in first and event.answer.get("traffic"):
            seen[event.host] = int(event.answer.get("requests") or 0)
            baked[event.host] = _served(event.answer["traffic"], first[event.host], event.at)
    if not seen:
        return ""
    requests, took = sum(seen.values()), max(baked.values())
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


def _served(traffic: Mapping[str, Any], switched: str, looked: str) -> float:
    """Return for how many seconds a host had served the release when it was looked at.

    By the host's own clock, where it says since when: what activates a release also waits for its bake.
    """
    start, since = seconds(traffic.get("start")), seconds(traffic.get("began"))
    if start is not None and since is not None:
        took = start + float(traffic["step"]) * len(traffic["requests"]) - since
    else:
        took = (seconds(looked) or 0.0) - (seconds(switched) or 0.0)
    return max(0.0, took)
