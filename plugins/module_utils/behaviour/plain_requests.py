"""Whether a release answers at all: plain requests are asked, and only what nginx itself does wrong is a problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..config.derive import DerivedRequest, plain
from ..config.match import Trace, trace
from ..config.parse import Config
from ..config.selection import EVERY_SERVER, Selection
from ..contract.url import parse_url
from ..staging.stage import Stage
from .exchange import Exchange, ask

__all__ = ["ResponseProblem", "asked_plainly"]

# As few as a busy machine has answered.
_LEAST_A_SECOND = 50
_OF_STAGING = ("no connection", "the connection was refused", "HTTP/2 cannot be asked for")
_CLOSED = "the connection was closed without an answer"
# What a server behind another one that ends TLS looks at; a redirect to https goes on for ever without it.
_BEHIND_TLS = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "on"), ("X-Scheme", "https"))
_OWN_PROGRAM = ("[lua]", "lua entry", "js exception", "js: ", "call_sv(")


class ResponseProblem(NamedTuple):
    """What is wrong with an answer; ``way`` are the lines that decided, ``environment`` says that staging is the
    cause.
    """

    request: DerivedRequest
    what: str
    way: Trace
    nginx: str = ""
    environment: bool = False


def asked_plainly(
    stage: Stage,
    config: Config,
    wanted: Sequence[DerivedRequest] | None = None,
    selection: Selection = EVERY_SERVER,
) -> tuple[list[DerivedRequest], Exchange, list[ResponseProblem]]:
    """Ask plainly everything that listens on the servers of the ``selection``, or what is ``wanted``.

    Returns the requests, the answers and the problems.
    """
    requests = plain(config, selection) if wanted is None else list(wanted)
    if not requests:
        return [], Exchange([], [], 0.0), []
    asked = ask(stage, requests, follow=True, seconds=max(60.0, len(requests) / _LEAST_A_SECOND))
    answers, errors = list(asked.answers), list(asked.errors)
    looping = [number for number, answer in enumerate(answers) if answer.get("loop")]
    if looping and any("$http_x_" in word for directive in config.walk() for word in directive.args):
        again = [requests[number]._replace(headers=_BEHIND_TLS) for number in looping]
        second = ask(stage, again, follow=True)
        answers = [*answers]
        for number, answer in zip(looping, second.answers, strict=True):
            answers[number] = answer
        errors += second.errors
    found = [_problem(config, request, answer, errors) for request, answer in zip(requests, answers, strict=True)]
    return requests, Exchange(answers, errors, asked.seconds), [problem for problem in found if problem is not None]


def _problem(
    config: Config, request: DerivedRequest, answer: Mapping[str, Any], errors: Sequence[str]
) -> ResponseProblem | None:
    last = _last(request, answer)
    way = trace(config, last.host, last.port, last.path)
    words = next((line for line in errors if f" {last.target} HTTP/" in line and "server: " in line), "")
    fault, status = answer.get("fault", ""), answer.get("status")
    if answer.get("loop"):
        what = f"redirect loop: {' → '.join(answer['chain'])}"
        return ResponseProblem(request, what, way, words, environment=_is_of_folder(way, answer["chain"]))
    if fault:
        if fault == _CLOSED and _closes(way):
            return None
        return ResponseProblem(request, fault, way, words, environment=fault.startswith(_OF_STAGING))
    if status is None or status < 500:
        return None
    what = f"expected status 2xx or 3xx or 4xx, got {status}"
    decided = way.last is not None and way.last.name == "return" and way.last.args[:1] == [str(status)]
    of_environment = (decided and status != 500) or _explains(config, way, words)
    return ResponseProblem(request, what, way, words, environment=of_environment)


def _is_of_folder(way: Trace, chain: Sequence[str]) -> bool:
    """Return whether nginx adds the slash of a folder that a line takes away: what is a folder, only the host knows."""
    inside = [inner.name for met in way.met if met.name == "location" for inner in met.walk()]
    served = "location" in inside and not any(name.endswith("_pass") or name == "return" for name in inside)
    return served and len({url.rstrip("/") for url in chain}) == 1


def _explains(config: Config, way: Trace, words: str) -> bool:
    """Return whether a line of the log lays the answer on an upstream, or on a program of the configuration's own.

    A release can write such a line itself. So it counts only where the configuration has the one or the other.
    """
    if 'upstream: "' in words:
        return any(inner.name.endswith("_pass") for met in way.met for inner in met.walk())
    if any(word in words for word in _OWN_PROGRAM):
        return any("lua" in each.name or each.name.startswith(("js_", "perl")) for each in config.walk())
    return False


def _last(request: DerivedRequest, answer: Mapping[str, Any]) -> DerivedRequest:
    """The request at the end of the redirects: that one is the cause."""
    chain = answer.get("chain", [])
    if len(chain) < 2:
        return request
    try:
        url = parse_url(chain[-1])
    except ValueError:
        return request
    return request._replace(scheme=url.scheme, host=url.host, port=url.port, target=url.target)


def _closes(way: Trace) -> bool:
    """Return whether a server means to close the connection without a word."""
    return any(
        (inner.name == "return" and inner.args[:1] == ["444"]) or inner.name == "ssl_reject_handshake"
        for met in way.met
        for inner in met.walk()
    )
