"""Where contestants race: a folder to work in, and the hosts, which are removed whatever happens."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform

from ..host import PROJECT
from .hosts import Hosts, made_hosts
from .room import PACKAGES, Room

__all__ = ["ground", "platform_of_hosts"]


def platform_of_hosts() -> PlatformImage:
    """Find the image that hosts are made of, or build it. Raises ``SluiceError``."""
    return ensure_platform(connect(), "auto", PACKAGES, PROJECT / ".sluice/cache", lambda line: print(line, flush=True))


@contextlib.contextmanager
def ground(name: str, count: int) -> Iterator[tuple[Room, Hosts]]:
    """Make a room and ``count`` hosts of that ``name``; nobody else can have them meanwhile. Raises ``SluiceError``."""
    found = platform_of_hosts()
    with _alone(name):
        room = Room(PROJECT, PROJECT / ".sluice" / name)
        print(f"making {count} hosts", flush=True)
        with made_hosts(PROJECT, name, found.image, count) as hosts:
            yield room, hosts


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let no other run of this name go on at the same time: it would remove our hosts as leftovers."""
    path = PROJECT / ".sluice" / f"{name}.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SluiceError(f"another run called {name} goes on; wait for it, or give --name") from None
        yield
