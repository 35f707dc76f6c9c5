"""What the user declares to be there: ``nginx_needs``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from ..closest_match import closest_match
from ..errors import InputError
from ..untrusted import has_in_order
from .model import Kind, Need
from .parts.endpoints import is_address

__all__ = ["Declared", "declared", "is_declared"]

_KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Declared:
    """One text of ``nginx_needs``. ``kind`` is empty for a bare value, which stands for any kind."""

    kind: str
    value: str

    def covers(self, need: Need) -> bool:
        """Return whether the need is declared by this. Who declares an endpoint declares its name as well."""
        if self.kind and self.kind != need.kind:
            return self.kind == "endpoint" and need.kind == "name" and _fits(_host(self.value), need.value)
        return _fits(self.value, need.value)


def _fits(pattern: str, value: str) -> bool:
    """A star stands for any text; nothing else is special, for IPv6 addresses have brackets."""
    return has_in_order(value, pattern.split("*"))


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]


def declared(texts: Iterable[str]) -> tuple[Declared, ...]:
    """Read ``nginx_needs``: each text is ``KIND:VALUE`` or a bare value. Raises ``InputError``."""
    return tuple(_read(index, str(text).strip()) for index, text in enumerate(texts))


def _read(index: int, text: str) -> Declared:
    kind, colon, value = text.partition(":")
    where = f"nginx_needs[{index}]"
    if kind in _KINDS and colon:
        if not value:
            raise InputError(where, f"{text!r} says no value; write it as {kind}:VALUE")
        return Declared(kind, value)
    if not text:
        raise InputError(where, "it is empty; write KIND:VALUE, as file:/etc/ssl/shop.pem, or a value alone")
    if colon and re.fullmatch(r"[A-Za-z_]+", kind) and not re.fullmatch(r"[\d*]+", value) and not is_address(text):
        raise InputError(
            where, f"{text!r}: {kind!r} is no kind{_meant(kind, value)}; the kinds are {', '.join(_KINDS)}"
        )
    return Declared("", text)


def _meant(kind: str, value: str) -> str:
    close = "socket" if kind == "unix" else closest_match(kind, _KINDS)
    return f", did you mean {close}:{value}?" if close else ""


def is_declared(need: Need, texts: Iterable[Declared]) -> bool:
    """Return whether one of the texts declares the need."""
    return any(each.covers(need) for each in texts)
