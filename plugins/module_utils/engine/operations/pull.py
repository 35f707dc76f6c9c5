"""``pull``: let this host look for releases by itself, or not any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..own import interpreter, read_own
from ..pull.settings import read_settings
from ..pull.units import cron_line, install_pull, is_timed, pull_files, pull_traces, remove_pull, timer
from ..session import Fault, Problem

if TYPE_CHECKING:
    from ..protocol import Json, PullRequest
    from ..session import Session

__all__ = ["pull"]

_TRUST = "run sluice.nginx.trust, which installs it and tells the host who may sign"


def pull(session: Session, request: PullRequest, bundle: bytes = b"") -> Json:
    """Install the timer with the settings that were given, or remove it where there are none. Raises ``Fault``."""
    if session.own:
        what = "the host's own engine does not change from where it pulls: whoever has its key could hold releases back"
        do = "run sluice.nginx.pull as an administrator: -e rollout_engine_command= and a user who is root"
        raise Fault(Problem(what, "root by another way", fix=do))
    looking = bool(request.get("looking"))
    if not request.get("settings"):
        found = pull_traces(session)
        if found and not looking:
            with session.store.lock(session.run, "pull"):
                session.journal("pull", why="this host does not pull any more")
            remove_pull(session)
        return {"changed": bool(found), "paths": [str(path) for path in found], "cron": ""}
    settings = read_settings(request["settings"])
    _hold_to_trust(session)
    files = pull_files(session, settings, interpreter())
    changed = [path for path, (text, _) in files.items() if not _has(path, text)]
    if not changed and not is_timed(session):
        # Somebody has stopped it, or it could not be started before.
        changed = [timer(session)]
    if changed and not looking:
        install_pull(session, files)
    cron = "" if session.system.systemd() else cron_line(session, settings)
    return {"changed": bool(changed), "paths": [str(path) for path in changed], "cron": cron}


def _hold_to_trust(session: Session) -> None:
    """Raise ``Fault`` where this host could verify nothing that it pulls, or has no engine that pulls."""
    layout = session.layout
    if not layout.allowed_signers.is_file() or not layout.allowed_signers.with_name("inventory").is_file():
        what = "this host takes signed releases only by pull, and does not know who may sign"
        raise Fault(Problem(what, str(layout.allowed_signers), fix=_TRUST))
    launcher = layout.own / "engine" / (read_own(layout).digest or "none") / "sluice/engine/launcher.py"
    if not launcher.is_file() or "\ndef pull(" not in launcher.read_text(encoding="utf-8"):
        what = "this host has no engine of its own that pulls"
        raise Fault(Problem(what, "an engine of this version", read_own(layout).digest[:12] or "none", _TRUST))


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text
