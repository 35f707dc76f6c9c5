"""``preflight``: may this host be switched? Says everything that is in the way at once.

Reads only, unless it is to end what a run that died has left.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ...manifest import PathDifference
from ...untrusted import ReleaseId
from ..host.confined import confined_by
from ..host.nginx import build, build_problems, described, find_master, master_problems
from ..host.processes import workers_of
from ..host.starter import Starter, known_starter, starter_of
from ..obstacles.files import file_problems
from ..obstacles.look import obstacles
from ..pending import pending_problem
from ..session import Fault, Problem, Session
from ..trees.drift import Drift, drift, drift_problem, is_ours, odd_problems, sorted_drift
from ..trees.release_inventory import has_release
from ..watchdog.heartbeat import why_overdue

if TYPE_CHECKING:
    from ..host.processes import Master
    from ..protocol import Json, PreflightRequest, ReleaseFacts, StagedPlatform

__all__ = ["operating_system", "preflight"]

_SPARE = 50 << 20
_TEXT_ALL = 4 << 20
_FEW = 5


def preflight(session: Session, request: PreflightRequest, bundle: bytes = b"") -> Json:
    """Examine the host; problems are collected, not raised."""
    state = session.store.load()
    release, facts, platform = _subject(session, state, request)
    problems: list[Problem] = []
    if request.get("recover") and _is_left_over(session, state):
        from .finalize import recover

        try:
            with session.store.lock(session.run, "recover"):
                state = recover(session, session.store.load())
        except Fault as fault:
            problems += fault.problems
            state = session.store.load()
    found, nginx, around, modules = _nginx(session, facts, platform)
    problems += found
    os_name = operating_system()
    if not _is_of(os_name, platform.get("os") or ""):
        problems.append(
            Problem(
                "this host runs another platform than staging",
                platform["os"],
                os_name,
                "set staging_platform to what the hosts run",
            )
        )
    differences = drift(session, state)
    policy = request.get("drift") or "refuse"
    found_drift = sorted_drift(session, state, differences)
    if found_drift.stops(policy):
        problems.append(drift_problem(session, state, found_drift))
    elif not is_ours(session, state) or (differences and policy != "discard"):
        problems += odd_problems(session)
    _warn_of(session, found_drift)
    pending = state["pending"]
    if pending and pending["run"] != session.run["id"]:
        problems.append(pending_problem(session, pending))
    problems += file_problems(session)
    problems += _space(session, int(request.get("needs_bytes", 0)))
    problems += _unmet(session, request.get("needs") or [], modules)
    accepted = state["confirmed"] or {}
    answer: Json = {
        "changed": False,
        "problems": problems,
        "release": release,
        "live": state["live"],
        "live_confirmed": bool(accepted) and accepted["release"] == state["live"],
        "has_release": _has_release(session, state, release, differences),
        "adopted": not is_ours(session, state),
        "changes_needed": state["live"] != release or accepted.get("release") != release or bool(differences),
        "nginx": nginx,
        "platform": {"os": os_name, **around},
    }
    if request.get("want_tree"):
        answer.update(_texts(session, state))
    return answer


def _warn_of(session: Session, found: Drift) -> None:
    """Say what stops nothing: files that packages changed, and shared paths that were replaced."""
    if found.package:
        packages = ", ".join(sorted(set(found.package.values())))
        session.warn(
            f"package drift: {packages} changed {_few(sorted(found.package))}; the release brings what staging's "
            "packages have: make the image of staging anew where theirs are older (docs/how-to/upgrade-hosts.md)"
        )
    for path in found.shared:
        session.warn(f"{path} is a shared path and was replaced on this host; what it holds now is taken over")


def _few(paths: list[str]) -> str:
    more = f" and {len(paths) - _FEW} more" if len(paths) > _FEW else ""
    return ", ".join(paths[:_FEW]) + more


def _subject(
    session: Session, state: Json, request: PreflightRequest
) -> tuple[ReleaseId, ReleaseFacts, StagedPlatform]:
    """Return the release, and what is known of it. Raises ``Fault`` where this host has none that is named so."""
    if not request.get("stored"):
        return request["release"], request.get("facts") or {}, request.get("platform") or {}
    from .status import resolve

    release = resolve(state, str(request["stored"]))
    meta = session.store.meta(release)
    platform: StagedPlatform = meta.get("platform") or {}
    # What a host served before it may serve again, whatever became of the distribution around nginx since.
    platform.pop("os", None)
    return release, meta.get("facts") or {}, platform


def _has_release(session: Session, state: Json, release: ReleaseId, differences: list[PathDifference]) -> bool:
    # The live tree has been read for its drift just now.
    known = release == state["live"] and release == session.layout.linked()
    return not differences if known else has_release(session, release)


def _is_left_over(session: Session, state: Json) -> bool:
    pending = state["pending"]
    return bool(pending and why_overdue(session, pending))


def _nginx(
    session: Session, facts: ReleaseFacts, platform: StagedPlatform
) -> tuple[list[Problem], Json, Json, tuple[str, ...]]:
    """Return what is in the way, what nginx is, what starts and confines it, and the modules that it may load."""
    try:
        master = find_master(session)
    except Fault as fault:
        return list(fault.problems), {}, _around(session, known_starter(session)), ()
    built = build(session, master)
    problems = master_problems(session, master, built, facts)
    nginx: Json = {"version": None, "pid": master.pid, "workers": len(workers_of(session.system.proc, master))}
    if built is not None:
        problems += build_problems(built, facts, platform)
        nginx.update(version=built.version, **described(built))
    starter = starter_of(session, master)
    problems += obstacles(session, master, built, starter, facts)
    return problems, nginx, _around(session, starter, master), built.modules if built else ()


def _around(session: Session, starter: Starter, master: Master | None = None) -> Json:
    confined = confined_by(session.system.proc, master.pid) if master else ""
    return {"service_manager": session.system.manager(), "service": starter.name, "confined_by": confined}


def _unmet(session: Session, needs: list[Json], modules: tuple[str, ...]) -> list[Problem]:
    if not needs:
        return []
    from ..needs.inspect import look, unmet

    return unmet(session, look(session, needs, modules))


def _space(session: Session, needs: int) -> list[Problem]:
    place = session.layout.root
    while not place.exists():
        place = place.parent
    room = os.statvfs(place)
    free = room.f_bavail * room.f_frsize
    wanted = 3 * needs + _SPARE
    if free >= wanted:
        return []
    return [
        Problem(
            f"too little space at {session.layout.root}",
            f"{wanted >> 20} MiB",
            f"{free >> 20} MiB",
            "make room on this host",
        )
    ]


def _is_of(os_name: str, staged: str) -> bool:
    """Return whether a distribution is staging's; a point release is, as 9.4 is of 9."""
    return not staged or os_name == staged or os_name.startswith(f"{staged}.")


def operating_system() -> str:
    """Return the distribution and its version, as ``debian 12``."""
    try:
        lines = Path("/etc/os-release").read_text(errors="replace").splitlines()
    except OSError:
        return "unknown"
    values = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    return f"{values.get('ID', 'unknown')} {values.get('VERSION_ID', '')}".strip()


def _texts(session: Session, state: Json) -> Json:
    """Return the texts of the live tree as they may be shown (``tree``), at most 4 MiB together, and the SHA-256 of
    each file that is not, or not all of it (``digests``). Nothing where the tree is too large to tell what is secret.
    """
    from ..trees.disclosure import read_pristine, read_side, secrets_in, shown_text

    side = read_side(session.layout.conf.resolve())
    if side is None:
        session.warn("the live tree is too large to be shown")
        return {}
    secret = secrets_in(session.layout.conf, side, read_pristine(session, state))
    texts: dict[str, str] = {}
    digests: dict[str, str] = {}
    room = _TEXT_ALL
    for path, data in sorted(side.files.items()):
        text = None if path in secret or len(data) > room else shown_text(data)
        if text is not None:
            room -= len(data)
            texts[path] = text
        if text is None or text.encode() != data:
            digests[path] = sha256(data).hexdigest()
    return {"tree": texts, "digests": digests}
