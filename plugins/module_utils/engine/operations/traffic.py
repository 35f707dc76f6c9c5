"""``traffic``: what this host's access logs and its journal tell of a time. Changes nothing, and holds no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from ...untrusted import ReleaseId
from ..host.nginx import running_masters
from ..host.processes import open_logs
from ..log_window import lines_between
from ..logs import OWN, Limit, logs_of, share
from ..session import Session
from ..timestamps import seconds_of
from ..traffic import BEFORE, TrafficCounts

if TYPE_CHECKING:
    from ..protocol import Json, TrafficRequest

__all__ = ["access_logs", "counted", "traffic"]

_EVENTS = 1000
# How much is read of the logs of a window: in bytes, and in seconds.
_MOST, _LONGEST = 512 << 20, 30.0


def traffic(session: Session, request: TrafficRequest, bundle: bytes = b"") -> Json:
    """Count the requests of a window and of a little before it, and tell the host's own events in it.

    The logs are those of the releases that serve or served last, and those that nginx has open. Raises ``ValueError``
    for what is no time.
    """
    start, end = seconds_of(request["start"]), seconds_of(request["end"])
    events = [
        event
        for event in session.store.last_events(_EVENTS)
        if request["start"][:19] <= str(event.get("at"))[:19] <= request["end"][:19]
    ]
    found = _window(session, _releases(session), request["start"], start - BEFORE, end + 1)
    return {"changed": False, "traffic": found, "journal": events}


def access_logs(session: Session) -> list[str]:
    """Return the access logs of the releases that serve or served last, and those that nginx has open."""
    return _access_logs(session, _releases(session))


def _releases(session: Session) -> list[ReleaseId]:
    state = session.store.load()
    records = [state["confirmed"] or {}, state["pending"] or {}, state["last"] or {}, state]
    return sorted({record[key] for record in records for key in ("release", "before", "live") if record.get(key)})


def counted(session: Session, began: str, *releases: ReleaseId) -> Json | None:
    """Count the requests from a little before a switch, which ``began`` then (ISO-8601), until now. None where it is
    not known which logs there are, or they cannot be counted: on a rollback, that must be no fault.
    """
    try:
        return _window(session, releases, began, seconds_of(began) - BEFORE, seconds_of(session.system.now()) + 1)
    except Exception as error:
        session.warn(f"the requests of the pending phase could not be counted: {error}")
        return None


def _window(session: Session, releases: Iterable[ReleaseId], began: str, start: int, end: int) -> Json | None:
    logs = _access_logs(session, releases)
    if not logs:
        return None
    counting, limit = TrafficCounts(start, end), Limit(_MOST, _LONGEST)
    for path in logs:
        share(lines_between(path, start, end, limit), OWN, counting)
    if limit.reached:
        session.warn("the access logs are larger than is read, so the requests were not counted to their end")
    return counting.to_json(began)


def _access_logs(session: Session, releases: Iterable[ReleaseId]) -> list[str]:
    """The access logs of releases, and those that nginx has open: others may have been named before."""
    found: set[str] = set()
    errors: set[str] = set()
    for release in releases:
        meta = session.store.meta(release)
        found.update(logs_of(meta, "access_logs"))
        # Of one that was adopted nobody knows which of its logs are which.
        if meta.get("origin") != "adopted":
            errors.update(logs_of(meta, "error_logs"))
    for master in running_masters(session):
        open_ = open_logs(session.system.proc, master.pid)
        found.update(path for path in open_ if path not in errors and "error" not in path)
    return sorted(found)
