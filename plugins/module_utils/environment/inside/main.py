"""Does what it is asked, a line of JSON each way, from the first question, which brings the plan, until nobody asks.

Each container has a part, and its agent does what belongs to that part and nothing else. nginx's agent only observes:
checks and requests are asked, and judged, by the judge, in a container of its own.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import json
import sys
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from .common import HOME, PLAN
from .limits import hits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Work = Mapping[str, Callable[..., dict[str, Any]]]

__all__ = ["main", "work_of"]

# Where the function of that name is.
_WORK = {
    "nginx": {
        "prepare": "preparing",
        "complete": "completing",
        "provides": "completing",
        "test": "completing",
        "start": "serving",
        "anew": "serving",
        "logged": "serving",
        "serve": "reloading",
        "cold": "reloading",
        "served": "reloading",
        "reload": "reloading",
        "restore": "reloading",
        "command": "running",
        "lay": "running",
        "mix": "trial_tree",
        "read": "running",
        "tokens": "renewing",
        "renew": "renewing",
    },
    "judge": {
        "join": "network",
        "address": "network",
        "await_stubs": "network",
        "checks": "judging",
        "exchange": "exchange",
        "answering": "load",
        "load": "load",
        "authority": "issuing",
        "challenged": "issuing",
        "issued": "issuing",
        "served": "issuing",
    },
    "stub": {"stub": "stubs"},
}
_WITH_PLAN = ("prepare", "join", "stub")
# What nginx's agent takes from the engine.
_ENGINE = ("host.nginx", "host.processes", "logs", "proof")
_CODECS = ("ascii", "idna", "latin-1", "utf-8")


def work_of(part: str) -> Work:
    """Return what the agent of a part can do, by name, with all imported that it takes."""
    if part == "nginx":
        for name in _ENGINE:
            _imported(f"..engine.{name}")
    return {what: getattr(_imported(name), what) for what, name in _WORK[part].items()}


def main(asked: BinaryIO, told: TextIO, part: str, work: Work) -> None:
    """Answer each line of ``asked``, ``[token, what, about]``; what cannot be done is told as ``error``.

    The token comes back with the answer, so that nobody else can answer without knowing the question.
    """
    if part == "nginx":
        _seal()
    plan: dict[str, Any] = {}
    for line in asked:
        token, what, about = json.loads(line)
        try:
            if what in _WITH_PLAN:
                plan = about
                PLAN.write_text(json.dumps(plan), encoding="utf-8")
            answer = work[what](plan) if what in _WITH_PLAN else work[what](plan, about)
        except Exception as error:  # whatever it is, the next question gets its answer
            words = str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"
            # To show its lines takes an import in some versions.
            with contextlib.suppress(Exception):
                traceback.print_exc(file=sys.stderr)
            answer = {"error": words}
            if part == "stub":
                # Nobody reads what the stubs print; who waits for them reads their logs.
                (HOME / f"{what}.log").write_text(f"\n{words}\n", encoding="utf-8")
        print(json.dumps({**answer, "token": token, "hits": hits()}), file=told, flush=True)


def _imported(name: str) -> ModuleType:
    return importlib.import_module(f".{name}", __package__)


def _seal() -> None:
    """Import nothing from now on: once a release runs, it may have changed any file of this container."""
    for name in _CODECS:
        codecs.lookup(name)
    sys.meta_path[:] = [_Sealed()]
    sys.path[:] = []


class _Sealed:
    """Finds no module."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        raise ImportError(f"the agent beside nginx imports nothing while a release runs: {name}")
