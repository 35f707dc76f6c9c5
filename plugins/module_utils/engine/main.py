"""The engine's entry: one request in, one line of JSON out. The forms are in ``forms.py``."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Callable

from ..errors import SluiceError
from ..untrusted import read_release_id
from . import MARKER
from .host.system import System
from .session import Problem, Session, problems_of
from .store import Layout, Locked
from .watchdog.heartbeat import DEADLINE, keeper, why_overdue

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["handle", "main"]

# The file below operations/ that has it; it is imported when it is asked for, since a host pays for each import.
_OPERATIONS = {
    "preflight": "preflight",
    "probe": "probe",
    "nginx_files": "nginx_files",
    "activate": "activate",
    "bake": "bake",
    "confirm": "finalize",
    "rollback": "finalize",
    "status": "status",
    "show": "status",
    "traffic": "traffic",
    "count": "count",
    "trust": "trust",
    "update_engine": "trust",
    "leave": "leave",
    "pull": "pull",
}
# What a run asks of a host in the end.
_LAST = ("confirm", "rollback", "leave", "update_engine", "pull")


def handle(
    request: Json,
    bundle: bytes = b"",
    system: System | None = None,
    layout: Layout | None = None,
    *,
    own: bool = False,
) -> Json:
    """Do what ``request`` asks and return the answer. Whatever goes wrong is in the answer, nothing is raised.

    ``own`` says that this is the host's own engine, which takes nothing unsigned.
    """
    run = request.get("run")
    session = Session(system or System(), layout or Layout(), run if isinstance(run, dict) else {}, own=own)
    name = str(request.get("op"))
    answer: Json = {"changed": False}
    problems: list[Problem] = []
    try:
        if name not in _OPERATIONS:
            raise SluiceError(f"the engine has no operation {request.get('op')!r}; it has {', '.join(_OPERATIONS)}")
        _read_ids(name, request)
        _give_heartbeat(session)
        # Every operation takes the session, the request and the bundle.
        operation = getattr(_module(_OPERATIONS[name]), name)
        answer = operation(session, request, bundle)
        problems = answer.get("problems", [])
    except Locked as error:
        problems = [
            Problem(
                "another operation holds this host", actual=str(error), fix="wait until it has ended, and try again"
            )
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


def _read_ids(name: str, request: Json) -> None:
    """Hold what is to name a release in a request to that. Raises ``SluiceError``.

    ``show``, and ``stored`` of a preflight, have what a user wrote, which is compared with the releases that are there.
    """
    ids: list[object] = []
    if name == "activate":
        form = request.get("release")
        ids = [form.get("id") if isinstance(form, dict) else form]
    elif name in ("bake", "confirm") or (name == "preflight" and not request.get("stored")):
        ids = [request.get("release")]
    elif name == "probe":
        known = request.get("known") or []
        ids = known if isinstance(known, list) else [known]
    for each in ids:
        read_release_id(each)


def _module(name: str) -> Any:
    return import_module(f"{__package__}.operations.{name}")


def _give_heartbeat(session: Session) -> None:
    """The run that has a pending release here speaks, so it lives. Others never speak for it."""
    pending = session.store.load()["pending"]
    if not pending or pending["run"] != session.run["id"] or why_overdue(session, pending):
        return
    seconds = float(pending.get("deadline") or DEADLINE)
    session.alive = keeper(session, pending["run"], seconds)
    session.alive()


def main(request: bytes, bundle: bytes, refuse: Callable[[Json], Json | None] | None = None) -> bool:
    """Answer one request on the standard output, on a line of its own behind a marker. Returns whether the run will ask
    for more.

    The host's own engine gives ``refuse``, which returns the answer to what it does not do.
    """
    asked: Json = {}
    # Neither is to depend on how this process was started: sudo and ssh bring their own.
    os.umask(0o077)
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["LC_ALL"] = "C.UTF-8"
    if os.geteuid() != 0:
        problem = Problem(
            "the engine must be root on this host", "user 0", f"user {os.geteuid()}", "set `become: true` for it"
        )
        answer: Json = {"ok": False, "changed": False, "problems": [problem.to_json()], "warnings": [], "steps": []}
    else:
        asked = json.loads(request)
        answer = (refuse(asked) if refuse else None) or handle(asked, bundle, own=refuse is not None)
    sys.stdout.write(f"\n{MARKER}{json.dumps(answer)}\n")
    sys.stdout.flush()
    if asked.get("op") == "preflight":
        # Without ``recover`` nothing is to change, as in check mode.
        return bool(answer["ok"] and answer.get("changes_needed") and asked.get("recover"))
    return asked.get("op") not in _LAST
