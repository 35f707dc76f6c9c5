"""Requests that a configuration suggests: they stand in where there is no contract, and enforce little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..contract.client import LEADS_AWAY
from ..contract.model import Check, Expect
from .facts import Listen, listeners, server_names
from .parse import Config, Directive

__all__ = ["derive", "leads_away"]

# A refusal is an answer; a server error is none.
_ANSWERED = Expect(status=("2xx", "3xx", "4xx"))
_USUAL_PORTS = {"http": 80, "https": 443}


def _host(server: Directive) -> str:
    """Choose a name that a client could ask for."""
    for name in server_names(server):
        if name and not name.startswith("~") and name not in ("_", "localhost"):
            return name.replace("*", "any").strip(".")
    return "localhost"


def _paths(block: Directive) -> Iterator[str]:
    for location in block.children("location"):
        kind, pattern = location.args if len(location.args) == 2 else ("", location.args[0])
        asked_for = kind in ("", "=", "^~") and pattern.startswith("/") and not location.children("internal")
        if asked_for:
            yield pattern
        yield from _paths(location)


def _url(host: str, listen: Listen, path: str) -> str:
    scheme = "https" if listen.tls else "http"
    port = "" if listen.port == _USUAL_PORTS[scheme] else f":{listen.port}"
    return f"{scheme}://{host}{port}{path}"


def derive(config: Config) -> list[Check]:
    """Derive a GET for each server, listener and location that can be asked for by a plain path."""
    checks: dict[str, Check] = {}
    for server in config.servers():
        for listen in listeners(server):
            if listen.address.startswith("unix:"):
                continue
            connect = None if listen.address in ("*", "0.0.0.0", "[::]") else f"{listen.address}:{listen.port}"
            for path in dict.fromkeys(["/", *_paths(server)]):
                url = _url(_host(server), listen, path)
                check = Check(
                    f"GET {url}",
                    "GET",
                    url,
                    expect=_ANSWERED,
                    follow=True,
                    connect=connect,
                    source=f"{server.file}:{server.line}",
                )
                checks.setdefault(check.name, check)
    return list(checks.values())


def leads_away(outcome: Mapping[str, Any]) -> bool:
    """Whether a derived check ended at a redirect to a host that is not ours: an answer, and no loop."""
    return all(problem.startswith(LEADS_AWAY) for problem in outcome["problems"])
