"""Readers of single values: what nginx calls a time, a size, an address, and so on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from .errors import InputError
from .schema import Convert, Reader, plain, reader
from .untrusted import whole_number

__all__ = [
    "absolute_path",
    "address",
    "as_written",
    "expires",
    "flag",
    "header_name",
    "integer",
    "lines",
    "log_path",
    "matching",
    "media_type",
    "name",
    "network",
    "nullable",
    "number_or_text",
    "rate",
    "server_name",
    "size",
    "status",
    "text",
    "time",
    "uri",
    "variable",
    "words",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"
_ADDRESS = re.compile(rf"unix:/[^\s:]+|(?P<host>{_HOST})(?::(?P<port>\d+))?")
_SERVER_NAME = re.compile(r"_|~\S.*|(?:\*\.|\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?:\.\*)?")


@reader("str")
def text(value: object, where: str) -> str:
    """Accept any text of one line, and numbers as text."""
    if isinstance(value, (list, dict)):
        # Not the value, which may be a secret, as one of an application.
        raise InputError(where, f"a {'list' if isinstance(value, list) else 'mapping'} is not text")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(where, f"{plain(value)} is not text")
    found = str(value)
    if not found:
        raise InputError(where, "the text is empty; leave the key out, or write a value")
    if _CONTROL.search(found):
        # A secret that was read from a file ends with a line break, mostly.
        raise InputError(where, "the value holds a line break or a control character; write one line of text")
    return found


@reader("str")
def words(value: object, where: str) -> str:
    """Accept text that says something, also of several lines, and numbers as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(where, f"{plain(value)} is not text")
    if not str(value).strip():
        raise InputError(where, "the text is blank; write something")
    return str(value).strip()


@reader("raw")
def number_or_text(value: object, where: str) -> str:
    """Accept what a parameter of an application may be: text of one line, empty text, numbers, true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value == "" else text(value, where)


@reader("bool")
def flag(value: object, where: str) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise InputError(where, f"{plain(value)} is neither true nor false")
    return value


def integer(low: int, high: int) -> Reader[int]:
    """Make a reader of whole numbers from ``low`` to ``high``; digits as text are numbers too."""

    def read(value: object, where: str) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise InputError(where, f"{plain(value)} is not a whole number from {low} to {high}")
        return int(number)

    return Reader(read, {"type": "int"})


@reader("int")
def status(value: object, where: str) -> int:
    """Accept a status of an error, 400 to 599."""
    return integer(400, 599)(value, where)


def matching(pattern: str, expected: str) -> Reader[str]:
    """Make a reader of text that fits a pattern; ``expected`` says in words what that is."""
    compiled = re.compile(pattern)

    def read(value: object, where: str) -> str:
        found = text(value, where)
        if not compiled.fullmatch(found):
            raise InputError(where, f"'{found}' is not {expected}")
        return found

    return Reader(read, {"type": "str"})


name = matching(r"[a-z0-9]+([.-][a-z0-9]+)*", "a name; use a-z and 0-9, with single '-' or '.' between")
absolute_path = matching(r"/.*", "an absolute path; begin it with '/'")
log_path = matching(r"/\S+", "a path; begin it with '/' (a format of its own is for lines)")
uri = matching(r"/\S*", "a path of a URL; begin it with '/'")
time = matching(r"\d+|(\d+(ms|[smhdwMy]))+", "a time; use 500ms, 30s, 10m, 1h or 30d")
size = matching(r"\d+[kKmMgG]?", "a size; use 512k, 10m or 1g")
rate = matching(r"[1-9]\d*r/[sm]", "a rate; use 10r/s or 30r/m")
header_name = matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "the name of a header")
media_type = matching(r"[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?", "a media type; use text/plain or application/json")
variable = matching(r"[A-Za-z_]\w*", "the name of a parameter; use letters, digits and _")
expires = matching(
    r"off|max|epoch|\$\w+|(modified )?[+-]?(\d+|(\d+[smhdwMy])+)|@\d+[hm](\d+[ms])?",
    "an expiry; use 30d, 1h, -1, max, epoch or off",
)


def as_written(*types: str) -> Reader[object]:
    """Make a reader that takes any value, for what is read elsewhere: a type, and that of a list's items."""
    return Reader(lambda value, where: value, dict(zip(("type", "elements"), types, strict=False)))


def nullable(convert: Convert[str]) -> Callable[[object, str], str | None]:
    """Make a converter that also accepts null."""

    def read(value: object, where: str) -> str | None:
        return None if value is None else convert(value, where)

    return read


def address(*, port_needed: bool) -> Reader[str]:
    """Make a reader of ``host:port``, ``[v6]:port`` and ``unix:/path``."""

    def read(value: object, where: str) -> str:
        found = text(value, where)
        match = _ADDRESS.fullmatch(found)
        port = match["port"] if match else None
        if not match or (port_needed and match["host"] and not port):
            raise InputError(where, f"'{found}' is not an address; use host:port, [v6]:port or unix:/path")
        if port and not 1 <= (whole_number(port) or 0) <= 65535:
            raise InputError(where, f"{port} is not a port; use 1 to 65535")
        return found

    return Reader(read, {"type": "str"})


@reader("str")
def network(value: object, where: str) -> str:
    """Accept an address, a network or ``all``, as ``allow`` and ``deny`` do."""
    found = text(value, where)
    if found not in ("all", "unix:"):
        try:
            ipaddress.ip_network(found)
        except ValueError as error:
            raise InputError(where, f"{error}; use an address, a network as 192.0.2.0/24, or all") from None
    return found


@reader("str")
def server_name(value: object, where: str) -> str:
    """Accept a host name, a wildcard, ``~regex`` or ``_``."""
    found = text(value, where)
    if not _SERVER_NAME.fullmatch(found if found.startswith("~") else found.lower()):
        raise InputError(
            where,
            f"'{found}' is not a server name; use shop.example, *.shop.example, ~regex or _ (no scheme, port, path)",
        )
    return found if found.startswith("~") else found.lower()


@reader("str")
def lines(value: object, where: str) -> str:
    """Accept raw configuration: it ends as a directive or a block does, so that it cannot swallow what follows."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(where, f"{plain(value)} is not a line of configuration; write it as text that ends with ';'")
    found = "\n".join(line.rstrip() for line in value.strip("\n").splitlines())
    last = found.rsplit("\n", 1)[-1].strip()
    if not last.endswith((";", "{", "}")) and not last.startswith("#"):
        raise InputError(where, f"'{last}' ends with neither ';' nor a brace; it would swallow what follows: add ';'")
    return found
