"""A binary upgrade in flight: two masters serve on the same sockets, and a reload reaches one of them."""

from __future__ import annotations

from ..host.nginx import running_masters
from ..host.processes import Master, parent_of, workers_of
from ..session import Problem, Session

__all__ = ["await_upgrade", "upgrade_problems"]

_SECONDS, _LOOK = 10.0, 0.2


def await_upgrade(session: Session) -> list[Problem]:
    """Wait while a package replaces the running binary, which takes seconds; then say what is still in the way."""
    system = session.system
    until = system.monotonic() + _SECONDS
    while upgrade_problems(session) and system.monotonic() < until:
        system.sleep(_LOOK)
    return upgrade_problems(session)


def upgrade_problems(session: Session) -> list[Problem]:
    """Return that a master and its successor both serve. One whose workers only end what they have is on its way
    out.
    """
    proc = session.system.proc
    masters = {master.pid: master for master in running_masters(session)}
    for new in masters.values():
        old = masters.get(parent_of(proc, new.pid))
        if old is not None and not _is_leaving(session, old):
            return [_problem(old, new)]
    return []


def _is_leaving(session: Session, master: Master) -> bool:
    workers = workers_of(session.system.proc, master)
    return bool(workers) and all(worker.draining for worker in workers)


def _problem(old: Master, new: Master) -> Problem:
    return Problem(
        "a binary upgrade of nginx is in flight on this host: two masters serve, and a reload reaches only one of them",
        "one master",
        f"the old one, process {old.pid}, and the new one, process {new.pid}",
        f"end the upgrade (kill -QUIT {old.pid}), or roll it back (kill -HUP {old.pid}; kill -QUIT {new.pid}), and "
        "deploy again",
    )
