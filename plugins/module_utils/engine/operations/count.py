"""``count``: how many requests came in some time, how they were bad, and how long they took. Changes nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..log_window import lines_between
from ..logs import OWN, Limit, share
from ..session import Fault, Problem, Session
from ..slots import Slots
from ..timestamps import seconds_of
from .traffic import access_logs

if TYPE_CHECKING:
    from ..protocol import CountRequest, Json

__all__ = ["count"]

# nginx writes a line when the request has ended, and some a little later, as their time is of the end.
_LATE = 2
_MOST_SLOTS, _LONGEST = 240, 86400
# How much is read of the logs of a window: in bytes, and in seconds.
_MOST, _LONGEST_READ = 512 << 20, 20.0


def count(session: Session, request: CountRequest, bundle: bytes = b"") -> Json:
    """Count from ``start``, or from ``ago`` seconds before the end, until two seconds ago, by this host's own clock.

    Raises ``Fault`` for what is no time.
    """
    end = seconds_of(session.system.now()) - _LATE
    ago = float(request.get("ago") or 0)
    start = int(request.get("start") or (end - ago if ago <= _LONGEST else 0))
    width = int(request.get("width") or 0)
    start = min(start, end)
    number = max(1, math.ceil((end - start) / width)) if width > 0 else 1
    if end - start > _LONGEST or number > _MOST_SLOTS:
        raise Fault(Problem("this is no time to count", f"a day and {_MOST_SLOTS} slots at most", f"{end - start} s"))
    slots = Slots(start, end, number)
    logs = access_logs(session) if end > start else []
    limit = Limit(_MOST, _LONGEST_READ)
    for path in logs:
        share(lines_between(path, start, end, limit), OWN, None, slots)
    if limit.reached:
        session.warn("the access logs are larger than is read, so the requests were not counted to their end")
    return {"changed": False, "end": end, "known": bool(logs) or end <= start, "slots": slots.to_json()}
