"""The pid file: where the unit waits for it, and where the release puts it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..host.messages import pid_of_files
from ..host.nginx import Build
from ..host.processes import Master
from ..host.starter import UNIT, Starter, read_unit
from ..session import Problem, Session

if TYPE_CHECKING:
    from ..protocol import ReleaseFacts

__all__ = ["pid_file_problems"]


def pid_file_problems(
    session: Session, master: Master, built: Build | None, starter: Starter, facts: ReleaseFacts
) -> list[Problem]:
    """Return that the release moves the pid file away from where the unit waits for it: a reload does not mind, and the
    next start of the unit ends in a timeout.

    A host where they differ already is only warned of, for this release does not change that.
    """
    # Where nothing is said of the release's own, as of what was adopted, nothing can be held against it.
    if facts.get("pid") is None or starter.kind != UNIT:
        return []
    wanted = facts["pid"] or (built.pid_file if built is not None else "")
    if not wanted.startswith("/") or pid_of_files([wanted]) == master.pid:
        return []
    unit = read_unit(session, starter.name)
    if unit is None or not unit.pid_file or _is_same(unit.pid_file, wanted):
        return []
    if pid_of_files([unit.pid_file]) != master.pid:
        session.warn(f"{unit.name} waits for {unit.pid_file}, where nginx writes no pid: its next start fails")
        return []
    return [
        Problem(
            f"the release moves nginx's pid file away from where {unit.name} waits for it: its next start, as at a "
            "boot, would end in a timeout",
            f"pid {unit.pid_file}, as PIDFile= of {unit.name} has it",
            f"pid {wanted}",
            f"leave pid as it is, or give the unit PIDFile={wanted} first (systemctl edit {unit.name})",
        )
    ]


def _is_same(one: str, other: str) -> bool:
    # /var/run is a link to /run.
    return os.path.realpath(one) == os.path.realpath(other)
