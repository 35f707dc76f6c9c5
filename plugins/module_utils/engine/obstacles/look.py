"""Looks at everything that may stand in the way, for the preflight and once more before the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..host.nginx import Build
from ..host.processes import Master
from ..host.starter import Starter, starter_problems
from ..session import Problem, Session
from .pid_file import pid_file_problems
from .profile import profile_problems
from .upgrade import await_upgrade
from .view import view_problems

if TYPE_CHECKING:
    from ..protocol import ReleaseFacts

__all__ = ["obstacles"]


def obstacles(
    session: Session, master: Master, built: Build | None, starter: Starter, facts: ReleaseFacts
) -> list[Problem]:
    """Return what keeps this host from being switched to a release, each in words. Nothing is written."""
    in_foreground = bool(facts.get("foreground")) or "daemon off" in " ".join(master.globals.split())
    return [
        *await_upgrade(session),
        *view_problems(session, master),
        *profile_problems(session, master),
        *starter_problems(session, starter, master, in_foreground=in_foreground),
        *pid_file_problems(session, master, built, starter, facts),
    ]
