"""The interface of a coordination store: three verbs, beside reading, and what can be wrong with it.

Shipped to hosts, which ask for a decision: standard library only, Python 3.8.
"""

from __future__ import annotations

import abc
import re
from typing import Iterator, NamedTuple

from ..errors import SluiceError

__all__ = ["CoordinationStore", "KeyEntry", "StoreFault", "StoreLogin", "StoreUnreachable", "check_key", "key_part"]

_KEY = re.compile(r"[A-Za-z0-9_=-]+(?:/[A-Za-z0-9_=-]+)*\Z")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class StoreFault(SluiceError):
    """The store refuses, or is none: to ask again does not help."""


class StoreUnreachable(StoreFault):
    """The store does not answer now. Whether a write was done is not known; reading the key tells."""


class KeyEntry(NamedTuple):
    """A key with its value. ``revision`` grows with each change of the store, and is never 0."""

    key: str
    value: bytes
    revision: int


class StoreLogin(NamedTuple):
    """How a store is reached: ``ca`` is the text of the certificates that are trusted for TLS, ``certificate`` and
    ``key`` are paths of the client's own; ``timeout`` is that of each request, in seconds.
    """

    url: str
    user: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    timeout: float = 5.0

    def __repr__(self) -> str:
        """Return what may be shown: whatever prints this prints no password."""
        return f"StoreLogin({self.url!r}, user={self.user!r})"


class CoordinationStore(abc.ABC):
    """Keys and values that all who use the store see in one order. Keys are words separated by ``/``.

    Every method raises ``StoreUnreachable`` where the store does not answer, and ``StoreFault`` where it refuses.
    An instance is for one thread.
    """

    @abc.abstractmethod
    def get(self, key: str) -> KeyEntry | None:
        """Return what is stored under ``key`` by now, never an older value; None without it."""

    def create(self, key: str, value: bytes) -> int | None:
        """Store ``value`` where the key is not there. Return its revision; None where the key is there already."""
        return self.compare_and_set(key, value, 0)

    @abc.abstractmethod
    def compare_and_set(self, key: str, value: bytes, revision: int) -> int | None:
        """Store ``value`` where the key has ``revision`` still. Return the new one; None where it has another."""

    @abc.abstractmethod
    def entries(self, prefix: str) -> list[KeyEntry]:
        """Return all that is stored below ``prefix``, by key."""

    @abc.abstractmethod
    def watch(self, prefix: str, seconds: float) -> Iterator[KeyEntry]:
        """Yield what is stored below ``prefix``, and each change of it as it comes, for ``seconds``."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection, where there is one; the next request makes a new one."""


def check_key(key: str) -> str:
    """Return ``key``. Raises ``ValueError`` for one that not every store can have."""
    if not _KEY.match(key):
        raise ValueError(f"{key!r} is no key; expected words of letters, digits, '_', '-' and '=', separated by '/'")
    return key


def key_part(name: str) -> str:
    """Return a name, which may have any letters, as a word of a key. Two names never give the same word."""
    found = "".join(
        letter if letter in _PLAIN else "".join(f"={byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))
        for letter in name
    )
    return found or "="
