"""Which group nginx's workers are of: it may read what others may not."""

from __future__ import annotations

from contextlib import suppress
from typing import Sequence

from ..session import Fault, Session

__all__ = ["worker_group"]


def worker_group(session: Session, user: Sequence[str]) -> int:
    """Return the number of the group of nginx's workers; -1 and a warning where it cannot be told.

    ``user`` are the arguments of the directive. nginx takes the group that is called as the user where it names none,
    and what it was built with where there is no such directive.
    """
    import grp

    names = list(user[-1:]) or _built_with(session)
    for name in names:
        with suppress(KeyError):
            return grp.getgrnam(str(name)).gr_gid
    running = _of_running(session)
    if running < 0:
        called = f" ({names[0]})" if names else ""
        session.warn(
            f"the group of nginx's workers{called} is not known on this host, so they cannot read the files of the "
            "release that are closed to others; name one that is there in the directive `user`"
        )
    return running


def _built_with(session: Session) -> list[str]:
    from .nginx import build

    built = build(session)
    return [built.group] if built is not None and built.group else []


def _of_running(session: Session) -> int:
    from .nginx import find_master
    from .processes import workers_of

    with suppress(Fault, OSError, ValueError):
        for worker in workers_of(session.system.proc, find_master(session)):
            status = (session.system.proc / str(worker.pid) / "status").read_text(errors="replace")
            # Real, effective, saved, of the file system.
            return int(status.partition("\nGid:")[2].split(None, 2)[1])
    return -1
