"""What the network of this host is: who answers, and which addresses are its own."""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Hashable, Iterable, Mapping, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

__all__ = ["Target", "addresses", "connect", "has_address", "in_time", "sockaddrs"]

_MOST_THREADS = 64
_MOST_SOCKETS = 200
_MOST_SECONDS = 15.0


class Target(NamedTuple):
    """What can be connected to: a family of sockets, and an address of it."""

    family: int
    address: Any


def in_time(work: Mapping[Key, Callable[[], Any]], seconds: float) -> dict[Key, Any]:
    """Do all at once, each within about ``seconds``; returns what each gave, or the exception that it raised.

    What has not ended is missing: a look-up that hangs cannot be stopped, only left behind.
    """
    done: dict[Key, Any] = {}
    waiting = deque(work.items())

    def go() -> None:
        while True:
            try:
                key, do = waiting.popleft()
            except IndexError:
                return
            try:
                done[key] = do()
            except Exception as error:
                done[key] = error

    threads = [threading.Thread(target=go, daemon=True) for _ in range(min(len(work), _MOST_THREADS))]
    for thread in threads:
        thread.start()
    rounds = -(-len(work) // _MOST_THREADS)
    until = time.monotonic() + min(seconds * rounds, _MOST_SECONDS)
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    waiting.clear()
    return dict(done)


def sockaddrs(found: Iterable[Any], port: int) -> list[Target]:
    """Turn the answer of ``getaddrinfo`` into targets at ``port``."""
    return sorted({Target(family, (address[0], port)) for family, _, _, _, address in found})


def connect(targets: Iterable[Target], seconds: float) -> dict[Target, str]:
    """Connect to all at once; returns nothing for those that accept, else why they do not, after ``seconds``."""
    said: dict[Target, str] = {}
    waiting = sorted(set(targets), key=repr)
    while waiting:
        batch, waiting = waiting[:_MOST_SOCKETS], waiting[_MOST_SOCKETS:]
        said.update(_connect(batch, seconds))
    return said


def _connect(targets: Iterable[Target], seconds: float) -> dict[Target, str]:
    said: dict[Target, str] = {}
    with selectors.DefaultSelector() as selector:
        for target in targets:
            opened = socket.socket(target.family, socket.SOCK_STREAM)
            opened.setblocking(False)
            selector.register(opened, selectors.EVENT_WRITE, target)
            try:
                code = opened.connect_ex(target.address)
            except OSError as error:
                code = error.errno or errno.EINVAL
            if code != errno.EINPROGRESS:
                said[target] = _words(code)
                _close(selector, opened)
        until = time.monotonic() + seconds
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(max(0.0, until - time.monotonic())):
                ended: Any = key.fileobj
                said[key.data] = _words(ended.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                _close(selector, ended)
        for key in list(selector.get_map().values()):
            said[key.data] = f"no answer within {seconds:g} s"
            _close(selector, key.fileobj)
    return said


def _close(selector: selectors.BaseSelector, opened: Any) -> None:
    selector.unregister(opened)
    opened.close()


def _words(code: int) -> str:
    # A full backlog, and a socket of datagrams: somebody is there.
    if code in (0, errno.EAGAIN, errno.EPROTOTYPE):
        return ""
    return os.strerror(code).lower()


def has_address(address: str) -> bool:
    """Return whether a listener can have this address here: it is an interface's, or any may be bound."""
    try:
        family, _, _, _, where = socket.getaddrinfo(address, 0, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(where)
    except OSError:
        return False
    return True


def addresses(proc: Path) -> list[str]:
    """List the addresses of this host."""
    found: set[str] = set()
    with suppress(OSError):
        found.update(re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", (proc / "net/fib_trie").read_text()))
    with suppress(OSError):
        for line in (proc / "net/if_inet6").read_text().splitlines():
            found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])))
    return sorted(found)
