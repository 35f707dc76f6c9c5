"""The lists of Apprise URLs that a user sets. They are secret: no sentence has any part of one but its scheme."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import InputError
from .model import EVENTS

__all__ = ["Channel", "read_channels", "read_events"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://\S")
_KINDS: tuple[tuple[type, str], ...] = (
    (str, "a text"),
    (dict, "a mapping"),
    (list, "a list"),
    (bool, "true or false"),
    (int, "a number"),
    (type(None), "nothing"),
)


class Channel(NamedTuple):
    """``name`` is the scheme and the number in the list, such as ``mailtos #2``; ``url`` is secret."""

    name: str
    url: str


def read_channels(variable: str, value: object) -> list[Channel]:
    """Read a list of Apprise URLs. Raises ``InputError``, without any part of a value, for what is none."""
    if not isinstance(value, list):
        raise InputError(variable, f"{_kind(value)} is not a list; give a list of Apprise URLs, such as [mailtos://…]")
    return [_channel(f"{variable}[{number}]", number + 1, each) for number, each in enumerate(value)]


def _channel(path: str, number: int, value: object) -> Channel:
    if not isinstance(value, str):
        raise InputError(path, f"{_kind(value)} is no URL; give one that Apprise knows, such as mailtos://…")
    url = value.strip()
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise InputError(path, "is no URL: it does not begin with a scheme and ://, such as mailtos:// or slack://")
    return Channel(f"{scheme[1].lower()} #{number}", url)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def read_events(variable: str, value: object) -> frozenset[str]:
    """Read which events there are messages about. Raises ``InputError``."""
    rows = value.split(",") if isinstance(value, str) else value
    if not isinstance(rows, list):
        raise InputError(variable, f"{_kind(value)} is not a list; give any of {', '.join(EVENTS)}")
    names = [str(row).strip() for row in rows if str(row).strip()]
    for number, name in enumerate(names):
        if name not in EVENTS:
            raise InputError(f"{variable}[{number}]", f"there is no event {name!r}; give any of {', '.join(EVENTS)}")
    return frozenset(names)
