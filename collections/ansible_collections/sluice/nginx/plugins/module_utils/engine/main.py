"""The engine's entry: one request in, one line of JSON out. The forms are in ``forms.py``."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Callable

from ..errors import SluiceError
from . import MARKER
from .guard.lease import DEADLINE, extend, why_overdue
from .host.system import System
from .operations.activate import activate
from .operations.bake import bake
from .operations.preflight import preflight
from .operations.probe import probe
from .operations.settle import confirm, revert
from .operations.status import show, status
from .session import Problem, Session, problems_of
from .store import Layout, Locked

if TYPE_CHECKING:
    from .forms import Json

__all__ = ["handle", "main"]

_OPERATIONS: dict[str, Callable[[Session, Any, bytes], Any]] = {
    "preflight": lambda session, request, bundle: preflight(session, request),
    "probe": lambda session, request, bundle: probe(session, request),
    "activate": activate,
    "bake": lambda session, request, bundle: bake(session, request),
    "confirm": lambda session, request, bundle: confirm(session, request),
    "revert": lambda session, request, bundle: revert(session, request),
    "status": lambda session, request, bundle: status(session),
    "show": lambda session, request, bundle: show(session, request),
}


def handle(request: Json, bundle: bytes = b"", system: System | None = None, layout: Layout | None = None) -> Json:
    """Do what ``request`` asks and return the answer. Whatever goes wrong is in the answer, nothing is raised."""
    session = Session(system or System(), layout or Layout(), request.get("run") or {})
    operation = _OPERATIONS.get(str(request.get("op")))
    answer: Json = {"changed": False}
    problems: list[Problem] = []
    try:
        if operation is None:
            raise SluiceError(f"the engine has no operation {request.get('op')!r}; it has {', '.join(_OPERATIONS)}")
        _sign_of_life(session)
        answer = operation(session, request, bundle)
        problems = answer.get("problems", [])
    except Locked as error:
        problems = [
            Problem("another operation holds this host", seen=str(error), do="wait until it has ended, and try again")
        ]
    except Exception as error:
        problems = problems_of(error)
    return {
        **answer,
        "ok": not problems,
        "problems": [problem.to_json() for problem in problems],
        "warnings": session.warnings,
        "steps": session.steps,
    }


def _sign_of_life(session: Session) -> None:
    """The run that has a release on trial here speaks, so it lives. Others never speak for it."""
    pending = session.store.load()["pending"]
    if not pending or pending["run"] != session.run["id"] or why_overdue(session, pending):
        return
    seconds = float(pending.get("deadline") or DEADLINE)
    session.alive = lambda: extend(session, pending["run"], seconds)
    session.alive()


def main(request: bytes, bundle: bytes) -> None:
    """Answer one request on the standard output, on a line of its own behind a marker."""
    # Neither is to depend on how this process was started: sudo and ssh bring their own.
    os.umask(0o022)
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["LC_ALL"] = "C.UTF-8"
    if os.geteuid() != 0:
        problem = Problem(
            "the engine must be root on this host", "user 0", f"user {os.geteuid()}", "set `become: true` for it"
        )
        answer: Json = {"ok": False, "changed": False, "problems": [problem.to_json()], "warnings": [], "steps": []}
    else:
        answer = handle(json.loads(request), bundle)
    sys.stdout.write(f"\n{MARKER}{json.dumps(answer)}\n")
    sys.stdout.flush()
