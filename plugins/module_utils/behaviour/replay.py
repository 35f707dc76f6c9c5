"""Requests from an access log of production: a sample of it, with everything masked that could be a secret.

They are asked in staging and nowhere else. Only what changes nothing is asked: GET and HEAD.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from ..config.derive import DerivedRequest, Entrance, Sockets, doors
from ..config.facts import sockets
from ..config.match import choose_server
from ..config.parse import Config
from ..contract.url import is_host
from ..errors import InputError
from ..textfmt import count
from ..untrusted import has_controls, whole_number

__all__ = ["Log", "masked", "read_log"]

_COMBINED = re.compile(
    r'^(?:(?P<host>[\w.-]+)(?::(?P<port>\d+))? )?\S+ \S+ \S.* \[[^\]\[]{1,64}\] "(?P<request>[^"]*)" \d{3} \S+'
    r'(?: "(?P<referer>[^"]*)" "(?P<agent>[^"]*)")?'
)
_NAMES = {
    "request": ("request", "request_line"),
    "method": ("request_method", "method", "verb"),
    "target": ("request_uri", "uri", "path", "url"),
    "host": ("http_host", "host", "server_name", "vhost"),
    "port": ("server_port", "port"),
    "referer": ("http_referer", "referer", "referrer"),
    "agent": ("http_user_agent", "user_agent", "agent"),
}
_ASKED = ("GET", "HEAD")
_SECRET = re.compile(r"token|key|passw|secret|sess|^sid$|sig|auth|^code$|jwt|mail|otp|^pin$|user|login|phone", re.I)
# Each begins where a run of its letters does: a search that starts within one takes time that grows with the square.
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f][0-9A-Fa-f-]{14,}(?![0-9A-Za-z])")
_ENCODED = re.compile(r"(?<![\w+=-])(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{24,}(?:\.[\w+=-]+)*")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_ROOM = 4
# What is longer than a request may be with nginx's usual buffers is no line of a log.
_LONGEST_LINE = 32 * 1024
_MOST_LINES = 20_000_000
_MOST_BYTES = 8 * 1024**3


class Log(NamedTuple):
    """The requests of a log, and what is to be said of it in words."""

    requests: list[DerivedRequest]
    said: list[str]


class _Line(NamedTuple):
    method: str
    target: str
    host: str
    port: int
    referer: str
    agent: str


def read_log(path: str, most: int, config: Config) -> Log:
    """Read at most ``most`` different requests, evenly from the whole log; ``config`` says where they go.

    Raises ``InputError`` when the log cannot be read.
    """
    if not path:
        return Log([], [])
    said = []
    try:
        with _opened(Path(path)) as stream:
            lines, looked_at, unread, is_cut = _sampled(stream, most)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("gates_replay_log", f"{path} cannot be read: {error}") from error
    if is_cut:
        said.append(f"the log goes on after {_MOST_LINES:,} lines or {_MOST_BYTES // 1024**3} GB, which are read")
    found = {line: None for line in lines if line.method in _ASKED}
    shared = sockets(config)
    requests = [request for line in found if (request := _request(line, config, shared)) is not None]
    if unread:
        said.append(f"{unread} of {count(looked_at, 'line')} of the log are in no known format; use combined or JSON")
    other = len(lines) - len(found)
    if other:
        said.append(f"{count(other, 'request')} of the log asked to change something, and is not asked again")
    return Log(requests, said)


def _opened(path: Path) -> IO[bytes]:
    """Open a plain file; a pipe or a device could keep the gates waiting for ever."""
    if not path.is_file():
        found = "is no file" if path.exists() else "does not exist"
        raise InputError("gates_replay_log", f"{path} {found}; name an access log, plain or .gz")
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines; of one that is too long its beginning. A small .gz may hold more than anybody has memory for."""
    left = _MOST_BYTES
    within = False
    while left > 0:
        part = stream.readline(min(_LONGEST_LINE, left))
        if not part:
            return
        left -= len(part)
        if not within:
            yield part.decode("utf-8", errors="replace")
        within = not part.endswith(b"\n")


def _sampled(stream: IO[bytes], most: int) -> tuple[list[_Line], int, int, bool]:
    """Look at every n-th line, where n doubles whenever there is too much: the memory needed is bounded."""
    found: dict[_Line, None] = {}
    stride, looked_at, unread = 1, 0, 0
    lines = _lines(stream)
    for number, text in enumerate(itertools.islice(lines, _MOST_LINES)):
        if number % stride or not text.strip():
            continue
        looked_at += 1
        line = _read(text)
        if line is None:
            unread += 1
            continue
        found[line] = None
        if len(found) > _ROOM * max(most, 1):
            found = dict.fromkeys(list(found)[::2])
            stride *= 2
    sampled = list(found)
    step = max(1.0, len(sampled) / max(most, 1))
    chosen = [sampled[int(number * step)] for number in range(min(most, len(sampled)))]
    return chosen, looked_at, unread, bool(stream.read(1))


def _read(text: str) -> _Line | None:
    fields = _json(text) if text.lstrip().startswith("{") else _combined(text)
    words = fields.get("request", "").split(" ")
    method = fields.get("method") or (words[0] if len(words) > 1 else "")
    target = words[1] if len(words) > 1 else fields.get("target", "")
    if not re.fullmatch(r"[A-Z]+", method) or not target.startswith("/") or has_controls(target):
        return None
    host, _, port = fields.get("host", "").lower().partition(":")
    port = fields.get("port") or port
    return _Line(
        method,
        masked(target),
        host if host and is_host(host) else "",
        whole_number(port) or 0,
        masked(fields.get("referer", "").strip("-")).partition("?")[0],
        fields.get("agent", "").strip("-"),
    )


def _combined(text: str) -> dict[str, str]:
    match = _COMBINED.match(text)
    return {key: value for key, value in match.groupdict().items() if value} if match else {}


def _json(text: str) -> dict[str, str]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    return {
        field: str(value)
        for field, names in _NAMES.items()
        for value in [_first(row, names)]
        if value not in (None, "")
    }


def _first(row: dict[str, object], names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if row.get(name)), None)


def masked(target: str) -> str:
    """Take out of a target what could be a secret: values of telling names, long codes, addresses of mail.

    Shapes are kept, so that the same locations answer.
    """
    path, mark, query = target.partition("?")
    parts = []
    for part in query.split("&") if mark else ():
        name, equals, value = part.partition("=")
        secret = equals and _SECRET.search(name)
        parts.append(f"{name}=masked" if secret else _plain(name) + equals + _plain(value))
    return _plain(path) + mark + "&".join(parts)


def _plain(text: str) -> str:
    text = _MAIL.sub("masked@masked.invalid", text)
    text = _HEX.sub(lambda found: re.sub(r"[0-9A-Fa-f]", "0", found[0]), text)
    return _ENCODED.sub(lambda found: re.sub(r"\w", "x", found[0]), text)


def _request(line: _Line, config: Config, shared: Sockets) -> DerivedRequest | None:
    door = next(_doors(line, config, shared), None)
    if door is None:
        return None
    headers = {"Referer": line.referer, "User-Agent": line.agent}
    kept = tuple((name, value) for name, value in headers.items() if value and value.isprintable())
    host = line.host or door.host
    asked = door._replace(host=host).ask(line.target, method=line.method)
    return asked._replace(target=line.target, headers=kept, place="access log")


def _doors(line: _Line, config: Config, shared: Sockets) -> Iterator[Entrance]:
    """The way to the server that wrote the line: by name and port, where they are in it."""
    ports = [line.port] if line.port else [443, 80]
    for port in ports:
        server = choose_server(config, line.host, port)
        if server is not None:
            yield from (door for door in doors(server, shared) if door.port == port and door.speaks == "http")
    for server in config.servers():
        yield from doors(server, shared)
