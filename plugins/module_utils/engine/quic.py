"""QUIC after a reload: a worker that ends keeps its sockets, and gets new connections that it does not answer.

A proof by processes and by TCP says nothing of it. nginx gives new connections to new workers from 1.31 on, and Angie
does; older ones only with ``quic_bpf`` (nginx issues 425 and 1323).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from ..untrusted import whole_number
from .host.nginx import Build, build, find_master
from .host.processes import workers_of
from .session import Fault, Session

if TYPE_CHECKING:
    from .host.processes import Master, Worker
    from .protocol import ReleaseFacts

__all__ = ["warn_of_quic", "why_lost"]

_HEALED = (1, 31)
# A socket that nobody is connected to, in /proc/net/udp.
_UNCONNECTED = "07"


def warn_of_quic(session: Session, master: Master, facts: ReleaseFacts, ending: Sequence[Worker]) -> None:
    """Say which workers of before still have sockets of QUIC, where the nginx of this host is known for that."""
    if not facts.get("quic") or "quic_bpf" in (facts.get("main_directives") or ()):
        return
    holding = _holding(session, master, ending)
    if holding:
        session.warn(
            f"{holding} of the workers of before have requests to end and keep their sockets of QUIC: until they have "
            "ended, new connections over HTTP/3 may get no answer (nginx 1.31 and Angie are healed of that, older ones "
            "by quic_bpf on; worker_shutdown_timeout bounds how long it takes)"
        )


def why_lost(session: Session) -> str:
    """Return why a new connection over QUIC may get no answer at the moment, whatever is asked; nothing where it must
    get one.
    """
    try:
        master = find_master(session)
    except Fault:
        return ""
    ending = [worker for worker in workers_of(session.system.proc, master) if worker.draining]
    holding = _holding(session, master, ending)
    return f"{holding} of the workers of before keep their sockets of QUIC until they have ended" if holding else ""


def _holding(session: Session, master: Master, ending: Sequence[Worker]) -> int:
    """Count the workers that end and still have sockets of QUIC, where nginx gives those new connections."""
    holding = sum(_has_udp(Path(session.system.proc, str(worker.pid))) for worker in ending)
    return 0 if holding and _is_healed(session, master) else holding


def _is_healed(session: Session, master: Master) -> bool:
    # What is only told has no say in whether nginx serves: an nginx that cannot be asked is none that is healed.
    nginx: Build | None = None
    with suppress(Exception):
        nginx = build(session, master)
    if nginx is None:
        return False
    core = tuple(whole_number(part) or 0 for part in nginx.built.core.split(".")[:2])
    return nginx.built.flavour == "Angie" or core >= _HEALED


def _has_udp(process: Path) -> bool:
    """Return whether a process has a UDP socket that anybody may send to; true where nobody may look, as in some
    containers.
    """
    try:
        held = {os.readlink(str(each)) for each in (process / "fd").iterdir()}
        rows = [row.split() for name in ("udp", "udp6") for row in _lines(process / "net" / name)]
    except PermissionError:
        return True
    except OSError:
        # It has ended.
        return False
    return any(len(row) > 9 and row[3] == _UNCONNECTED and f"socket:[{row[9]}]" in held for row in rows)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()[1:]
    except FileNotFoundError:
        return []
