"""What a host remembers of its looks at what is published: which release it tried, and what became of that."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..protocol import Json
    from ..session import Session
    from .settings import PullSettings

__all__ = ["FAILED", "FINAL", "REFUSED", "SERVES", "TRIES", "WAITS", "PullMemory", "memory_of", "remember", "told"]

SERVES, FAILED, REFUSED, WAITS, TRIES = "serves", "failed", "refused", "waits", "tries"
FINAL = (SERVES, FAILED)
"""After these a host waits for a newer number."""

_FILE = "pull.json"
_MOST_WORDS = 1000


class PullMemory(NamedTuple):
    """``outcome`` of ``release``, which came with ``number``, and ``why``; how often it was refused, and how often
    tried, and until when (seconds since 1970) it is not tried again. ``fleet`` is the digest of the fleet's
    own file that was taken. ``trouble`` is why the last look came to nothing, ``looked`` when that was. ``seed`` tells
    hosts apart.
    """

    seed: str = ""
    number: int = 0
    release: str = ""
    outcome: str = ""
    why: str = ""
    at: str = ""
    attempts: int = 0
    trials: int = 0
    not_before: int = 0
    fleet: str = ""
    trouble: str = ""
    looked: str = ""


def memory_of(session: Session) -> PullMemory:
    """Return what this host remembers; one that remembers nothing, or what is damaged, begins anew."""
    try:
        found = json.loads((session.layout.root / _FILE).read_bytes())
        known = {name: value for name, value in found.items() if type(value) is _TYPES.get(name)}
    except (OSError, ValueError, AttributeError, RecursionError):
        known = {}
    return PullMemory(**{"seed": os.urandom(8).hex(), **known})


_TYPES = {name: type(value) for name, value in PullMemory._field_defaults.items()}


def remember(session: Session, memory: PullMemory) -> None:
    """Write it down."""
    form = {name: value[:_MOST_WORDS] if isinstance(value, str) else value for name, value in memory._asdict().items()}
    session.system.make_directory(session.layout.root)
    session.system.write(session.layout.root / _FILE, json.dumps(form, sort_keys=True).encode())


def told(session: Session, settings: PullSettings) -> Json:
    """Return what ``status`` tells of it."""
    known: dict[str, Any] = memory_of(session)._asdict()
    kept = ("number", "release", "outcome", "why", "at", "attempts", "trials", "trouble", "looked")
    told_of = {name: known[name] for name in kept if known[name]}
    return {"source": settings.source, "name": settings.name, "interval": settings.interval, **told_of}
