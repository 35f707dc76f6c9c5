"""Has a stage asked a list of requests, and reads the answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ..config.derive import DerivedRequest
from ..config.parse import Config
from ..contract.url import bracketed
from ..errors import SluiceError
from ..staging.stage import Stage

__all__ = ["Exchange", "ask", "caches"]

_USUAL_PORTS = {"http": 80, "https": 443}
_TIMEOUT = 5.0


class Exchange(NamedTuple):
    """What came back for each request, in order, what nginx logged meanwhile, and how long it took in seconds."""

    answers: Sequence[Mapping[str, Any]]
    errors: Sequence[str]
    seconds: float


def ask(
    stage: Stage,
    requests: Sequence[DerivedRequest],
    *,
    follow: bool = False,
    fresh: bool = False,
    caches: Collection[str] = (),
    apart: Collection[DerivedRequest] = (),
    seconds: float = 60.0,
) -> Exchange:
    """Ask ``requests`` on a stage; with ``fresh`` nginx is started anew before, and ``caches`` (paths) are emptied.

    Those that are ``apart`` are asked from an address each. Redirects are followed to what the requests themselves ask
    for. What is not asked within ``seconds`` says so.
    Raises ``SluiceError`` when nginx does not start.
    """
    hosts = sorted({request.host for request in requests})
    ports = sorted({(request.scheme, request.port) for request in requests})
    settings = {"fresh": fresh, "caches": list(caches), "timeout": _TIMEOUT, "seconds": seconds}
    rows = [_row(request, hosts, ports) if follow else _row(request) for request in requests]
    rows = [settings, *({**row, "apart": request in apart} for row, request in zip(rows, requests, strict=True))]
    answer = stage.ask("exchange", rows)
    if "started" in answer:
        words = answer["started"]["words"] or "no worker stayed"
        raise SluiceError(f"nginx does not start again in staging: {words}")
    return Exchange(answer["answers"], answer["errors"], answer["seconds"])


def caches(config: Config) -> set[str]:
    """The directories in which a configuration remembers answers."""
    return {
        directive.args[0] for directive in config.walk() if directive.name.endswith("_cache_path") and directive.args
    }


def _row(request: DerivedRequest, hosts: Sequence[str] = (), ports: Sequence[tuple[str, int]] = ()) -> dict[str, Any]:
    usual = request.port in (0, _USUAL_PORTS.get(request.scheme))
    row = {key: value for key, value in request._asdict().items() if key not in ("place", "weight")}
    row["authority"] = bracketed(request.host) + ("" if usual else f":{request.port}")
    return {**row, "follow": True, "hosts": hosts, "ports": ports} if hosts else row
