"""nginx's binary: which file it is, and running it. What is not root's alone is never run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator, NamedTuple

from ..session import Fault, Problem, Session
from .known import BINARIES
from .processes import Master, started_at
from .trust import binary_fault, file_fault

__all__ = ["Binary", "opened_binary", "run_installed"]


class Binary(NamedTuple):
    """A binary by its path; ``descriptor`` is the file itself where another one has that path by now, else -1."""

    path: str
    descriptor: int = -1

    def identity(self) -> list[int]:
        """Return what tells it from any other one, and from itself before a change; nothing where there is none."""
        try:
            status = os.stat(self.path) if self.descriptor < 0 else os.fstat(self.descriptor)
        except OSError:
            return []
        return [status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size]


@contextmanager
def opened_binary(session: Session, master: Master | None) -> Iterator[Binary]:
    """Have the binary of a running master, else the installed one, for the time of a ``with``. Raises ``Fault``.

    A binary that an upgrade has replaced is still the one that runs. It is run by a descriptor, since the pid of a
    master that ends meanwhile may become any process's.
    """
    if master is None:
        yield Binary(_installed(session))
        return
    if not master.replaced:
        yield Binary(master.exe)
        return
    descriptor = _open_running(session, master)
    try:
        yield Binary(master.exe, descriptor)
    finally:
        os.close(descriptor)


def run_installed(session: Session) -> str:
    """Run the installed nginx as it is; returns what it said."""
    return session.system.run([_installed(session)], 60.0).output.strip()


def _open_running(session: Session, master: Master) -> int:
    proc = session.system.proc
    try:
        descriptor = os.open(f"{proc}/{master.pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_to_be_run(master, f"it cannot be opened: {error.strerror}") from error
    why = file_fault(os.fstat(descriptor), master.exe)
    if not why and started_at(proc, master.pid) != master.started:
        why = f"process {master.pid} has ended"
    if why:
        os.close(descriptor)
        raise _not_to_be_run(master, why)
    return descriptor


def _not_to_be_run(master: Master, why: str) -> Fault:
    return Fault(
        Problem(
            f"the binary of the running nginx, {master.exe}, was replaced, and the one that runs cannot be asked",
            f"the file that process {master.pid} runs",
            why,
            "restart nginx, so that it runs the file that is installed",
        )
    )


def _installed(session: Session) -> str:
    folders = os.environ.get("PATH", os.defpath).split(":")
    names = dict.fromkeys(os.path.basename(path) for path in BINARIES)
    places = [os.path.join(folder, name) for name in names for folder in folders]
    for place in dict.fromkeys([*places, *BINARIES]):
        if os.access(place, os.X_OK):
            why = binary_fault(place, session.system.proc)
            if not why:
                return place
            session.warn(f"{place} is not run: {why}")
    return BINARIES[0]
