"""What stubs saw, in one form for all protocols, and the answer that is made from it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EXCERPT", "RequestLog", "ResponseOverride", "StubListener", "answer", "from_params", "override_of", "seen"]

EXCERPT = 4096
"""So much of a request's body is kept, in bytes."""

_WISH = "x-sluice-answer"
# These are different each time, or belong to who asks: an answer that repeated them could not be compared.
_UNSAID = ("x-sluice-request", _WISH)
_UNSTABLE = ("REMOTE_PORT",)
_LONGEST_DELAY = 5.0
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True)
class StubListener:
    """Where a stub answers: its protocol, the ``name`` that the configuration has for it, and its real address."""

    protocol: str
    name: str
    address: str


class RequestLog:
    """All that was seen, oldest first. The times are of the clock that all containers of a machine share."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, dict[str, Any]]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: dict[str, Any]) -> None:
        """Note one request."""
        self._rows.append((time.monotonic(), row))

    def since(self, number: int) -> list[tuple[float, dict[str, Any]]]:
        """The rows from a number on, each with its time in seconds."""
        return self._rows[number:]


@dataclass(frozen=True)
class ResponseOverride:
    """How the answer shall be, where who asks says so by the header ``X-Sluice-Answer``.

    ``delay`` is in seconds, ``size`` is the least length of the body in bytes; with ``close`` there is no answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    size: int = 0
    close: bool = False


def override_of(headers: Mapping[str, str]) -> ResponseOverride:
    """Read the override from headers with lower-case names; what is no override is none."""
    try:
        given = json.loads(headers.get(_WISH, "{}"))
        return ResponseOverride(
            status=int(given.get("status", 200)),
            headers={str(name): str(value) for name, value in given.get("headers", {}).items()},
            delay=max(0.0, min(float(given.get("delay_ms", 0)) / 1000, _LONGEST_DELAY)),
            size=min(int(given.get("size", 0)), _LARGEST),
            close=bool(given.get("close", False)),
        )
    except (ValueError, TypeError, AttributeError):
        return ResponseOverride()


def seen(
    place: StubListener,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **more: Any,
) -> dict[str, Any]:
    """Put what was seen into the one form. Names of headers become lower case; repeated ones are joined."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}{'; ' if key == 'cookie' else ', '}{value}" if key in joined else value
    return {
        "protocol": place.protocol,
        "endpoint": place.name,
        "address": place.address,
        "method": method,
        "path": path,
        "headers": joined,
        "params": {},
        "body": body[:EXCERPT].decode(errors="replace"),
        "size": len(body),
        **more,
    }


def from_params(place: StubListener, params: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The same from the variables of FastCGI, uwsgi and SCGI: ``HTTP_*`` are the headers, the others ``params``."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in params.items()
        if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    ]
    query = params.get("QUERY_STRING", "")
    script = params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
    path = params.get("REQUEST_URI") or (f"{script}?{query}" if query else script)
    rest = {name: value for name, value in params.items() if not name.startswith("HTTP_") and name not in _UNSTABLE}
    return seen(place, params.get("REQUEST_METHOD", ""), path, headers, body, params=rest)


def answer(row: Mapping[str, Any], size: int = 0) -> bytes:
    """The body that says what was seen, at least ``size`` bytes long. Equal requests get equal bytes."""
    headers = {name: value for name, value in row["headers"].items() if name not in _UNSAID}
    said: dict[str, Any] = {"stub": {**row, "headers": headers}}
    body = json.dumps(said).encode()
    if len(body) < size:
        body = json.dumps({**said, "padding": "x" * (size - len(body))}).encode()
    return body + b"\n"
