"""Tuples with names, without ``typing`` and ``collections``: the one takes long to import, the other to make each."""

from __future__ import annotations

from _operator import itemgetter

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar, Iterable

    _Plain = tuple[Any, ...]
else:
    _Plain = tuple

__all__ = ["NamedTuple"]


class _Row(_Plain):
    """What all tuples with names can do."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _field_defaults: ClassVar[dict[str, Any]] = {}

    def __new__(cls, *values: Any, **named: Any) -> _Row:
        if named or len(values) != len(cls._fields):
            values = _completed(cls, values, named)
        return tuple.__new__(cls, values)

    @classmethod
    def _make(cls, values: Iterable[Any]) -> _Row:
        return cls(*values)

    def _replace(self, **named: Any) -> _Row:
        values = [named.pop(field, value) for field, value in zip(self._fields, self)]
        if named:
            raise ValueError(f"{type(self).__name__} has no {', '.join(map(repr, named))}")
        return tuple.__new__(type(self), values)

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self))

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self))
        return f"{type(self).__name__}({values})"


def _completed(cls: type[_Row], values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return all values of a tuple, its defaults included. Raises ``TypeError`` as a call does."""
    given = dict(zip(cls._fields, values))
    wrong = [field for field in named if field in given or field not in cls._fields]
    found = {**cls._field_defaults, **given, **named}
    missing = [field for field in cls._fields if field not in found]
    if wrong or missing or len(values) > len(cls._fields):
        raise TypeError(
            f"{cls.__name__} takes {', '.join(cls._fields)}; missing are {missing}, twice or unknown {wrong}, "
            f"{len(values)} came without a name"
        )
    return tuple(found[field] for field in cls._fields)


class _Fields(type):
    """Turns the annotations of a class into a tuple's fields, and its values into their defaults."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
        fields = tuple(space.pop("__annotations__", ()))
        defaults = {field: space.pop(field) for field in fields if field in space}
        readers = {field: property(itemgetter(place)) for place, field in enumerate(fields)}
        rows = {"__slots__": (), "_fields": fields, "_field_defaults": defaults}
        return type(name, (_Row,), {**space, **readers, **rows})


NamedTuple = type.__new__(_Fields, "NamedTuple", (), {})
