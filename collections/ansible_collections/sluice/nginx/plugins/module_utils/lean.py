"""What classes are made of without ``typing``, and SHA-256 without OpenSSL: to import those two costs a host as much as
an operation does itself.

For type checkers these are the originals. No module that is shipped to hosts imports ``typing`` while it runs: what
annotations need stands below ``if TYPE_CHECKING``.
"""

from __future__ import annotations

from collections import namedtuple

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "TypedDict", "sha256"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from hashlib import sha256
    from typing import Any, NamedTuple, Protocol, TypedDict
else:

    class _Fields(type):
        """Turns the annotations of a class into a tuple's fields, and its values into their defaults."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            fields = list(space.get("__annotations__", ()))
            defaults = [space.pop(field) for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])
            for key, value in space.items():
                if key not in ("__module__", "__qualname__"):
                    setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Fields, "NamedTuple", (), {})
    Protocol = object
    TypedDict = dict

    # CPython's own, whose name its versions change; hashlib would load all of OpenSSL for it.
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
