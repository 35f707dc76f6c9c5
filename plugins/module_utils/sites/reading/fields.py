"""Reading what a user wrote: each value with its path, each fault as a sentence that begins with that path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ...closest_match import closest_match
from ...errors import InputError

__all__ = ["Convert", "Fields", "did_you_mean", "listing", "one_of", "plain", "table"]

T = TypeVar("T")
D = TypeVar("D")

Convert = Callable[[object, str], T]
"""Turns a raw value found at a path into a typed one, or raises ``InputError`` with that path."""


def plain(value: object) -> str:
    """Show a value in a message as its writer knows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return str(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or all words when none is near."""
    words = sorted(known)
    near = closest_match(word, words)
    if near:
        return f"; did you mean '{near}'?"
    return f"; known are {', '.join(words)}" if words else ""


class Fields:
    """The keys of one mapping. A key whose value is null counts as absent.

    Raises ``InputError`` when ``value`` is no mapping or has a key that is not ``known``.
    """

    def __init__(self, value: object, where: str, known: Sequence[str]) -> None:
        if not isinstance(value, Mapping):
            raise InputError(where, f"{plain(value)} is not a mapping; expected the keys {', '.join(known)}")
        for key in value:
            if key not in known:
                raise InputError(where, f"unknown key {plain(key)}{did_you_mean(str(key), known)}")
        self.where = where
        self._values = {str(key): item for key, item in value.items() if item is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def path(self, key: str) -> str:
        """Return the path of a key, for messages."""
        return f"{self.where}.{key}"

    def raw(self, key: str) -> object:
        """Return the value as it was written, or ``None``."""
        return self._values.get(key)

    def need(self, key: str, convert: Convert[T]) -> T:
        """Return the value of a key that must be there."""
        if key not in self._values:
            raise InputError(self.where, f"'{key}' is missing")
        return convert(self._values[key], self.path(key))

    def get(self, key: str, convert: Convert[T], default: D) -> T | D:
        """Return the value of a key, or ``default`` when it is absent."""
        return convert(self._values[key], self.path(key)) if key in self._values else default


def listing(convert: Convert[T], *, empty: bool = True) -> Convert[tuple[T, ...]]:
    """Make a converter for lists whose items fit ``convert``."""

    def read(value: object, where: str) -> tuple[T, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(where, f"{plain(value)} is not a list; write [..] or one '- ..' for each item")
        if not value and not empty:
            raise InputError(where, "the list is empty; it needs at least one item")
        return tuple(convert(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read


def table(key: Convert[str], convert: Convert[T]) -> Convert[dict[str, T]]:
    """Make a converter for mappings from names that fit ``key`` to values that fit ``convert``."""

    def read(value: object, where: str) -> dict[str, T]:
        if not isinstance(value, Mapping):
            raise InputError(where, f"{plain(value)} is not a mapping of names to values")
        return {key(name, where): convert(item, f"{where}.{name}") for name, item in value.items()}

    return read


def one_of(*choices: str) -> Convert[str]:
    """Make a converter for one word of a few."""

    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise InputError(where, f"{plain(value)} is not known; use {', '.join(choices[:-1])} or {choices[-1]}")
        return str(value)

    return read
