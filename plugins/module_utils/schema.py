"""A schema for what a user writes: each key is declared once, with its reader, its default and its description.

A class of ``Model`` reads one mapping. ``scripts/generate`` makes argument specs, defaults and tables of the same
declarations. Each fault is a sentence that begins with the path of the value, as ``nginx_sites[0].routes[2].proxy``.

pydantic and msgspec were tried: the one takes 90 ms to import, in each task, the other has no path into mappings of
names to values, and both would leave us to write the sentences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar, overload

from .closest_match import closest_match
from .errors import InputError, json_form

__all__ = [
    "Convert",
    "Given",
    "Key",
    "Model",
    "Reader",
    "did_you_mean",
    "inline",
    "key",
    "keys",
    "listing",
    "mapping",
    "one_of",
    "plain",
    "reader",
    "table",
]

T = TypeVar("T")
D = TypeVar("D")
P = TypeVar("P", bound="Model")

Convert = Callable[[object, str], T]
"""Turns a raw value found at a path into a typed one, or raises ``InputError`` with that path."""


class Reader(Generic[T]):
    """A converter that knows what an argument spec says of its values, as ``{"type": "str"}``.

    ``shape`` is the model of the mapping that the value is, or may be; of a check, which hosts read too, its fields.
    """

    def __init__(
        self, read: Convert[T], spec: Mapping[str, Any], shape: type[Model] | Mapping[str, Any] | None = None
    ) -> None:
        self._read, self.spec, self.shape = read, spec, shape

    def __call__(self, value: object, where: str) -> T:
        return self._read(value, where)


def reader(type_: str, shape: type[Model] | None = None) -> Callable[[Convert[T]], Reader[T]]:
    """Make a decorator for converters of values that an argument spec calls ``type_``."""
    return lambda read: Reader(read, {"type": type_}, shape)


@dataclasses.dataclass(frozen=True)
class Key:
    """What is declared of a key: ``default`` is what a user would write, ``absent`` the value where nobody wrote it.

    ``advice`` says what to write where a required key is missing.
    """

    name: str
    read: Reader[Any]
    description: str
    required: bool
    default: object
    absent: object
    inline: type[Model] | None = None
    advice: str = ""
    is_read: bool = False


@overload
def key(read: Reader[T], description: str, *, required: Literal[True], name: str = ..., advice: str = ...) -> T: ...


@overload
def key(read: Reader[T], description: str, *, default: object, name: str = ...) -> T: ...


@overload
def key(read: Reader[T], description: str, *, absent: D, name: str = ...) -> T | D: ...


@overload
def key(read: Reader[T], description: str, *, name: str = ...) -> T | None: ...


def key(
    read: Reader[Any],
    description: str,
    *,
    required: bool = False,
    default: object = None,
    absent: object = None,
    name: str = "",
    advice: str = "",
) -> Any:
    """Declare a key of a model; ``name`` is for keys that are words of Python's."""
    declared = Key(name, read, description, required, default, absent, advice=advice)
    return dataclasses.field(metadata={"key": declared})


def inline(shape: type[P]) -> P:
    """Declare that the keys of another model stand among those of this one."""
    declared = Key("", Reader(shape.read, {}), "", False, None, None, shape)
    found: Any = dataclasses.field(metadata={"key": declared})
    return found  # type: ignore[no-any-return]


class _Shape(NamedTuple):
    """What is declared of each field of a model, and of each key that a user may write in it."""

    fields: dict[str, Key]
    keys: dict[str, Key]


_SHAPES: dict[type[Model], _Shape] = {}


def _shape(model: type[Model]) -> _Shape:
    if model not in _SHAPES:
        found = {each.name: each.metadata["key"] for each in dataclasses.fields(model) if "key" in each.metadata}
        fields = {name: _read_once(dataclasses.replace(each, name=each.name or name)) for name, each in found.items()}
        known: dict[str, Key] = {}
        for each in fields.values():
            known.update(keys(each.inline) if each.inline else {each.name: each})
        _SHAPES[model] = _Shape(fields, known)
    return _SHAPES[model]


def _read_once(declared: Key) -> Key:
    """Return a key whose default is read already, where it is the same at any path and cannot be changed."""
    if declared.default is None:
        return dataclasses.replace(declared, is_read=True)
    one, other = (declared.read(declared.default, _Unwritten(path)) for path in ("one", "other"))
    same = one == other and isinstance(one, (bool, int, str, tuple, type(None)))
    return dataclasses.replace(declared, absent=one, is_read=True) if same else declared


def keys(model: type[Model]) -> dict[str, Key]:
    """Return the keys that a user may write in a model, by their names."""
    return _shape(model).keys


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """A mapping that a user writes. ``source`` is its path, for messages."""

    source: str

    @classmethod
    def read(cls, value: object, where: str) -> Self:
        """Read the mapping at a path. Raises ``InputError``."""
        return cls.read_keys(Given(value, where, keys(cls)))

    @classmethod
    def read_keys(cls, given: Given) -> Self:
        """Read the keys of this model, which may stand among others. Raises ``InputError``."""
        values = {
            name: declared.inline.read_keys(given) if declared.inline else given.get(declared)
            for name, declared in _shape(cls).fields.items()
        }
        found = cls(source=given.where, **values)
        found.check(given)
        return found

    def check(self, given: Given) -> None:
        """Hold the mapping to the rules across its keys. Raises ``InputError``."""


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


class _Unwritten(str):
    """The path of a value that nobody wrote, so its items are not counted in messages."""


class Given:
    """The keys of one mapping, as they were given. A key whose value is null counts as absent.

    Raises ``InputError`` when ``value`` is no mapping or has a key that is not ``known``.
    """

    def __init__(self, value: object, where: str, known: Collection[str]) -> None:
        if not isinstance(value, Mapping):
            raise InputError(where, f"{plain(value)} is not a mapping; expected the keys {', '.join(known)}")
        for name in value:
            if name not in known:
                raise InputError(where, f"unknown key {plain(name)}{did_you_mean(str(name), known)}")
        self.where = where
        self._values = {str(name): item for name, item in value.items() if item is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def path(self, name: str) -> str:
        """Return the path of a key, for messages."""
        return f"{self.where}.{name}" if self.where else name

    def get(self, declared: Key) -> Any:
        """Return the value of a key, or what stands for it where it is absent. Raises ``InputError``."""
        name = declared.name
        if name in self._values:
            return declared.read(self._values[name], self.path(name))
        if declared.required:
            raise InputError(self.where, f"'{name}' is missing{declared.advice and f'; {declared.advice}'}")
        if declared.is_read:
            return declared.absent
        return declared.read(declared.default, _Unwritten(self.path(name)))


def mapping(shape: type[P]) -> Reader[P]:
    """Make a reader of mappings."""
    return Reader(shape.read, {"type": "dict"}, shape)


def listing(convert: Reader[T], *, empty: bool = True) -> Reader[tuple[T, ...]]:
    """Make a reader of lists whose items fit ``convert``."""

    def read(value: object, where: str) -> tuple[T, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            hint = json_form(str(where), value)
            raise InputError(where, f"{plain(value)} is not a list; write [..] or one '- ..' for each item{hint}")
        if not value and not empty:
            raise InputError(where, "the list is empty; it needs at least one item")
        if isinstance(where, _Unwritten):
            return tuple(convert(item, where) for item in value)
        return tuple(convert(item, f"{where}[{index}]") for index, item in enumerate(value))

    more = {name: value for name, value in convert.spec.items() if name != "type"}
    return Reader(read, {"type": "list", "elements": convert.spec["type"], **more}, convert.shape)


def table(name: Convert[str], convert: Convert[T]) -> Reader[dict[str, T]]:
    """Make a reader of mappings from names that fit ``name`` to values that fit ``convert``."""

    def read(value: object, where: str) -> dict[str, T]:
        if not isinstance(value, Mapping):
            raise InputError(where, f"{plain(value)} is not a mapping of names to values{json_form(str(where), value)}")
        return {name(each, where): convert(item, f"{where}.{each}") for each, item in value.items()}

    return Reader(read, {"type": "dict"})


def one_of(*choices: str) -> Reader[str]:
    """Make a reader of one word of a few."""

    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise InputError(where, f"{plain(value)} is not known; use {', '.join(choices[:-1])} or {choices[-1]}")
        return str(value)

    return Reader(read, {"type": "str", "choices": list(choices)})
