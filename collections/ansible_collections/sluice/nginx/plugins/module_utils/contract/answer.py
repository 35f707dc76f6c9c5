"""What came back, and whether it is what was expected. Pure."""

from __future__ import annotations

from ..lean import TYPE_CHECKING, NamedTuple, TypedDict
from .model import Expect, Upstream, status_holds
from .pattern import regex
from .url import joined

if TYPE_CHECKING:
    from typing import Mapping, Sequence

__all__ = ["BODY_LIMIT", "Answer", "SeenRequest", "judge", "judge_upstream"]

BODY_LIMIT = 1024 * 1024
"""No more of a body is read, in bytes."""

_EXCERPT = 200


class Answer(NamedTuple):
    """An HTTP response. ``fault`` says in words what was wrong with the transfer of its body, if anything."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    fault: str | None = None

    def values(self, name: str) -> list[str]:
        """All values of a header, in the order in which they came."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def location(self) -> str | None:
        """The redirect's target as it was sent."""
        return next(iter(self.values("Location")), None)

    @property
    def text(self) -> str:
        """The body, in the character set that the response names, else UTF-8; what does not fit is replaced."""
        try:
            return self.body.decode(_charset(" ".join(self.values("Content-Type"))) or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    @property
    def excerpt(self) -> str:
        """The beginning of the body, printable and on one line, at most 200 characters."""
        start = self.text[: 4 * _EXCERPT]
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())
        return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


def _charset(content_type: str) -> str:
    """Return the character set that is named, in quotes or not, or nothing."""
    value = content_type.lower().partition("charset=")[2]
    for end in (";", "'", '"'):
        value = value.lstrip("'\"").partition(end)[0]
    return next(iter(value.split()), "")


class SeenRequest(TypedDict):
    """A request as an upstream saw it; ``address`` is the one that it came to, as ``host:port``."""

    method: str
    path: str
    headers: Mapping[str, str]
    address: str


def judge(expect: Expect, answer: Answer, url: str, ms: float) -> list[str]:
    """Hold the answer of ``url``, which took ``ms`` milliseconds, to ``expect``: a sentence for each broken promise."""
    problems = [answer.fault] if answer.fault else []
    if not status_holds(expect.status, answer.status):
        problems.append(f"expected status {' or '.join(expect.status)}, got {answer.status}")
    if expect.location is not None and not _location_holds(expect.location, answer.location, url):
        problems.append(f"expected Location {expect.location}, got {answer.location or 'none'}")
    problems += [
        _header_problem(name, expected, answer.values(name))
        for name, expected in expect.headers
        if not _header_holds(expected, answer.values(name))
    ]
    if expect.body is not None and not _body_holds(expect.body, answer.text):
        problems.append(_body_problem(expect.body, answer))
    if expect.max_ms is not None and ms > expect.max_ms:
        problems.append(f"expected at most {expect.max_ms} ms, took {ms:.0f} ms")
    return problems


def _location_holds(expected: str, seen: str | None, url: str) -> bool:
    if seen is None:
        return False
    pattern = regex(expected, path=True)
    if pattern is not None:
        return pattern.search(seen) is not None
    # nginx makes most targets absolute: `/new` and `http://host/new` lead to the same page.
    return expected == seen or joined(url, expected) == joined(url, seen)


def _header_holds(expected: str | None, seen: Sequence[str]) -> bool:
    if expected is None:
        return not seen
    pattern = regex(expected)
    together = [*seen, ", ".join(seen)] if seen else []
    return any(pattern.search(value) if pattern else value == expected for value in together)


def _header_problem(name: str, expected: str | None, seen: Sequence[str]) -> str:
    if expected is None:
        return f"expected no header {name}, got {', '.join(seen)}"
    return f"expected header {name}: {expected}, got {', '.join(seen) if seen else 'none'}"


def _body_holds(expected: str, text: str) -> bool:
    pattern = regex(expected)
    return pattern.search(text) is not None if pattern else expected in text


def _body_problem(expected: str, answer: Answer) -> str:
    wanted = f"match {expected}" if regex(expected) else f"contain {expected!r}"
    place = "the first MiB of the body" if len(answer.body) >= BODY_LIMIT else "the body"
    return f"expected {place} to {wanted}, got {answer.excerpt or 'an empty body'}"


def judge_upstream(upstream: Upstream, seen: Sequence[SeenRequest]) -> list[str]:
    """Hold what the upstreams saw to ``upstream``: any one request that fits is enough, as nginx may try again."""
    if not seen:
        return ["expected a request to an upstream, none came"]
    problems = [_upstream_problems(upstream, request) for request in seen]
    return [] if [] in problems else problems[-1]


def _upstream_problems(upstream: Upstream, request: SeenRequest) -> list[str]:
    problems = []
    if upstream.method is not None and upstream.method != request["method"]:
        problems.append(f"expected the upstream to see method {upstream.method}, it saw {request['method']}")
    if upstream.path is not None:
        pattern = regex(upstream.path, path=True)
        if not (pattern.search(request["path"]) if pattern else upstream.path == request["path"]):
            problems.append(f"expected the upstream to see path {upstream.path}, it saw {request['path']}")
    for name, expected in upstream.headers:
        seen = [value for key, value in request["headers"].items() if key.lower() == name.lower()]
        if not _header_holds(expected, seen):
            problems.append(f"at the upstream: {_header_problem(name, expected, seen)}")
    return problems
