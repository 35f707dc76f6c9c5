"""Stubs for upstreams: each speaks the protocol of its directive, answers with what it saw, and keeps a record.

All of them are one process with one event loop, so that a thousand cost little. One runs in the second container; where
a configuration has upstreams on loopback addresses or unix sockets, another runs beside nginx.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from ..common import HOME, PLAN, wait_for
from .control import BESIDE, ask

__all__ = ["await_all", "beside", "open_more", "start_beside", "stub"]


# The process beside nginx is one of its own, which finds things where this one does.
# The path is kept from the beginning, since the agent itself forgets it.
_BESIDE = f"import sys; sys.path = {sys.path}; from {__package__} import beside; beside()"


def stub(plan: dict[str, Any]) -> None:
    """Be the stubs of the second container, until it ends."""
    # Nobody listens any more to what is printed; who misses the stubs reads it.
    with (HOME / "stub.log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    # Only who answers needs what answering needs: the other commands of the agent start the sooner.
    from .process import stub

    stub(plan)


def beside() -> None:
    """Be the stubs beside nginx, until the container ends."""
    from .process import beside

    beside(json.loads(PLAN.read_text(encoding="utf-8")))


def start_beside(plan: dict[str, Any]) -> None:
    """Start the stubs beside nginx, where there are any."""
    if plan["local_stubs"]:
        with (HOME / "beside.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, "-IS", "-c", _BESIDE],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def await_all(plan: dict[str, Any]) -> list[str]:
    """Wait until all stubs answer; tells those that cannot, and why.

    Raises ``RuntimeError`` with their own words when they did not start.
    """
    shut: list[str] = []
    for where in [plan["stub"], *([BESIDE] if plan["local_stubs"] else [])]:

        def answers(where: str = where) -> bool:
            try:
                shut.extend(ask(where, "shut", key=plan["key"]))
            except OSError:
                return False
            return True

        wait_for(f"the process of the stubs at {where.strip(chr(0))}", answers)
    return shut


def open_more(plan: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """Open endpoints in the second container that nobody knew of before; tells those that stay shut, and why."""
    return list(ask(plan["stub"], "open", rows, plan["key"])) if rows else []
