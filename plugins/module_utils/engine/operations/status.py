"""``status`` and ``show``: what this host serves, has and knows. They change nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from ...untrusted import ReleaseId, printable, read_release_id
from ..host.nginx import build, find_master
from ..host.processes import workers_of
from ..session import Fault, Problem, Session, problems_of
from ..trees.drift import difference_text, drift, sorted_drift
from ..watchdog.heartbeat import due_in

if TYPE_CHECKING:
    from ..protocol import Json, ShowRequest

__all__ = ["resolve", "show", "status"]

_EVENTS = 60
_OF_CHECKS = ("name", "source")


def status(session: Session, request: Json, bundle: bytes = b"") -> Json:
    """Return what can be told; what cannot is among the problems."""
    problems: list[Problem] = []

    @contextmanager
    def told() -> Iterator[None]:
        try:
            yield
        except Exception as error:
            problems.extend(problems_of(error))

    answer: Json = {"changed": False, "problems": problems, "live": session.layout.linked()}
    with told():
        state = session.store.load()
        answer.update({key: state[key] for key in ("confirmed", "pending", "last", "releases")})
        pending = state["pending"]
        answer["watchdog"] = {"due_in": round(due_in(session, pending), 1) if pending else None}
        differences = drift(session, state)
        found = sorted_drift(session, state, differences)
        answer["drift"] = [printable(difference.path) for difference in found.own]
        answer["package_drift"] = {printable(path): whose for path, whose in sorted(found.package.items())}
        answer["drift_diff"] = difference_text(session, state, found.own)
    with told():
        master = find_master(session)
        built = build(session, master)
        workers = [worker for worker in workers_of(session.system.proc, master) if not worker.draining]
        answer["nginx"] = {
            "running": True,
            "version": built.version if built else None,
            "pid": master.pid,
            "workers": len(workers),
        }
    answer.setdefault("nginx", {"running": False})
    with told():
        answer.update(_pull(session))
    answer["journal"] = session.store.last_events(_EVENTS)
    return answer


def _pull(session: Session) -> Json:
    """Return what a host that pulls remembers of that; nothing of another one. Raises ``SluiceError``."""
    if not session.layout.pull.exists():
        return {}
    # Here, as few hosts pull.
    from ..pull.memory import told
    from ..pull.settings import settings_of

    settings = settings_of(session.layout)
    return {"pull": told(session, settings)} if settings else {}


def show(session: Session, request: ShowRequest, bundle: bytes = b"") -> Json:
    """Resolve a release by id, the beginning of one, ``live`` or ``previous``, and return what is stored about it.

    Raises ``Fault``.
    """
    state = session.store.load()
    release = resolve(state, request["release"])
    return {"changed": False, "release": release, "stored": _told(session.store.meta(release))}


def _told(meta: Json) -> Json:
    """Return what may be told of a release: requests of checks may hold secrets, and whoever has a signature can send
    it to another host.
    """
    stored = {name: value for name, value in meta.items() if name != "signature"}
    if stored.get("contract"):
        stored["contract"] = [{name: row.get(name, "") for name in _OF_CHECKS} for row in stored["contract"]]
    return stored


def resolve(state: Json, wanted: str) -> ReleaseId:
    """Return the id of the release that ``wanted`` names: an id, its beginning, ``live`` or ``previous``.

    Raises ``Fault`` that lists the releases which are there.
    """
    there = sorted(state["releases"])
    listed = ", ".join(release[:12] for release in there) or "none"
    if wanted == "live" and state["live"]:
        return read_release_id(state["live"])
    if wanted == "previous":
        # While a release is pending, the one before it is the last that was accepted.
        record = state["pending"] or state["confirmed"]
        if record and record["before"]:
            return read_release_id(record["before"])
        raise Fault(Problem("this host has no release before the live one", actual=f"releases: {listed}"))
    matching = [release for release in there if wanted and release.startswith(wanted)]
    if len(matching) == 1:
        return read_release_id(matching[0])
    what = (
        f"{wanted!r} names {len(matching)} releases of this host"
        if matching
        else f"this host has no release {wanted!r}"
    )
    raise Fault(
        Problem(what, "an id, its beginning, or previous", f"releases: {listed}", "name one of those that are listed")
    )
