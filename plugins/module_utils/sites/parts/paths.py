"""The path of a location, written as nginx writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ... import values
from ...errors import InputError
from ...schema import reader

__all__ = ["Path", "location_path"]

_PATH = re.compile(r"(?P<modifier>=|\^~|~\*|~)?\s*(?P<value>\S.*)")


@dataclass(frozen=True)
class Path:
    """A modifier (``=``, ``^~``, ``~``, ``~*`` or none) and a value."""

    modifier: str
    value: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """What stands between ``location`` and its brace."""
        return (self.modifier, self.value) if self.modifier else (self.value,)

    @property
    def key(self) -> tuple[str, str]:
        """Equal for two locations that nginx takes for the same: ``/x`` and ``^~ /x`` are one."""
        return ("" if self.modifier == "^~" else self.modifier, self.value)

    @property
    def regex(self) -> bool:
        """Return whether the value is a regex."""
        return self.modifier in ("~", "~*")

    @property
    def named(self) -> bool:
        """Return whether only nginx itself goes there, as ``@app``."""
        return self.value.startswith("@")

    def __str__(self) -> str:
        return " ".join(self.arguments)


@reader("str")
def location_path(value: object, where: str) -> Path:
    """Read ``/x``, ``= /x``, ``^~ /x``, ``~ regex``, ``~* regex`` or ``@name``. Raises ``InputError``."""
    text = values.text(value, where)
    match = _PATH.fullmatch(text)
    path = Path((match["modifier"] or "") if match else "", match["value"] if match else "")
    plain = r"/\S*" if path.modifier else r"/\S*|@[\w-]+"
    if not path.value or not (path.regex or re.fullmatch(plain, path.value)):
        raise InputError(where, f"'{text}' is not a path; use /x, = /x, ^~ /x, ~ regex, ~* regex or @name")
    return path
