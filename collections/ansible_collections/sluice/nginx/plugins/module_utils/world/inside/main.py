"""Does the one thing that the command line names, by the plan in ``plan.json``, and prints one JSON document."""

from __future__ import annotations

import json
import sys

from .common import HOME
from .completing import test
from .exchange import exchange
from .preparing import prepare
from .reloading import reload, serve
from .serving import checks, start
from .stand_ins import beside, stand_in

__all__ = ["main"]

_WORK = {
    "prepare": prepare,
    "test": test,
    "start": start,
    "checks": checks,
    "exchange": exchange,
    "reload": reload,
    "serve": serve,
    "stand-in": stand_in,
    "beside": beside,
}


def main() -> None:
    """Do it; what cannot be done is told as ``error``."""
    plan = json.loads((HOME / "plan.json").read_text(encoding="utf-8"))
    try:
        answer = _WORK[sys.argv[1]](plan)
    except RuntimeError as error:
        answer = {"error": str(error)}
        # Nobody reads what the stand-ins print; who waits for them reads their logs.
        (HOME / f"{sys.argv[1]}.log").write_text(f"\n{error}\n")
    print(json.dumps(answer), flush=True)
