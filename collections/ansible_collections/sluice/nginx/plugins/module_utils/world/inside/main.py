"""Does what it is asked, a line of JSON each way, from the first question, which brings the plan, until nobody asks."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from typing import Any, BinaryIO, TextIO

from .common import HOME, PLAN

__all__ = ["main"]

# Where the function of that name is. Each container does only some of it, so the rest is not even read.
_WORK = {
    "prepare": "preparing",
    "test": "completing",
    "start": "serving",
    "checks": "serving",
    "exchange": "exchange",
    "reload": "reloading",
    "serve": "reloading",
    "lay": "running",
    "mix": "mixing",
    "read": "running",
    "stand_in": "stand_ins",
}
_WITH_PLAN = ("prepare", "stand_in")


def main(asked: BinaryIO, told: TextIO) -> None:
    """Answer each line of ``asked``, ``[what, about]``; what cannot be done is told as ``error``."""
    plan: dict[str, Any] = {}
    for line in asked:
        what, about = json.loads(line)
        if what in _WITH_PLAN:
            plan = about
            PLAN.write_text(json.dumps(plan), encoding="utf-8")
        try:
            work = getattr(importlib.import_module(f"inside.{_WORK[what]}"), what)
            answer = work(plan) if what in _WITH_PLAN else work(plan, about)
        except Exception as error:  # whatever it is, the next question gets its answer
            words = str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"
            traceback.print_exc(file=sys.stderr)
            answer = {"error": words}
            # Nobody reads what the stand-ins print; who waits for them reads their logs.
            (HOME / f"{what}.log").write_text(f"\n{words}\n", encoding="utf-8")
        print(json.dumps(answer), file=told, flush=True)
