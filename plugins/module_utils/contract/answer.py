"""What came back, and whether it is what was expected. Pure."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Pattern, Sequence, TypedDict

from .charset import decoded
from .model import Expect, UpstreamExpectation
from .pattern import GaveUp, regex
from .url import joined

__all__ = ["BODY_LIMIT", "Answer", "SeenRequest", "header_problems", "judge", "judge_upstream", "text_problem"]

BODY_LIMIT = 1024 * 1024
"""No more of a body is read, in bytes."""

_EXCERPT = 200
# What others have sent stands in a sentence with so many characters at most.
_SHOWN = 300


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
        """The body, in the character set that the response names if it is a known one, else UTF-8; what does not fit is
        replaced.
        """
        return self._decoded(self.body)

    def _decoded(self, body: bytes) -> str:
        return decoded(body, " ".join(self.values("Content-Type")))

    @property
    def excerpt(self) -> str:
        """The beginning of the body, printable and on one line, at most 200 characters."""
        # No letter has more than four bytes.
        start = self._decoded(self.body[: 16 * _EXCERPT])[: 4 * _EXCERPT]
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())
        return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


class SeenRequest(TypedDict):
    """A request as an upstream saw it; ``address`` is the one that it came to, as ``host:port``."""

    method: str
    path: str
    headers: Mapping[str, str]
    address: str


def judge(expect: Expect, answer: Answer, url: str, ms: float) -> list[str]:
    """Hold the answer of ``url``, which took ``ms`` milliseconds, to ``expect``: a sentence for each broken promise."""
    problems = [answer.fault] if answer.fault else []
    if not expect.allows(answer.status):
        problems.append(f"expected status {' or '.join(expect.status)}, got {answer.status}")
    if expect.location is not None:
        problems += _location_problems(expect.location, answer.location, url)
    for name, expected in expect.headers:
        problems += header_problems(name, expected, answer.values(name))
    if expect.body is not None:
        problems += _body_problems(expect.body, answer)
    if expect.max_ms is not None and ms > expect.max_ms:
        problems.append(f"expected at most {expect.max_ms} ms, took {ms:.0f} ms")
    return problems


def _location_problems(expected: str, seen: str | None, url: str) -> list[str]:
    said = f"expected Location {expected}, got {_shown(seen)}"
    try:
        return [] if seen is not None and _location_holds(expected, seen, url) else [said]
    except GaveUp as error:
        return [f"{said}: {error}"]


def _location_holds(expected: str, seen: str, url: str) -> bool:
    pattern = regex(expected, path=True)
    if pattern is not None:
        return _matches(pattern, seen)
    if expected == seen:
        return True
    # nginx makes most targets absolute: `/new` and `http://host/new` lead to the same page.
    try:
        return joined(url, expected) == joined(url, seen)
    except ValueError:
        return False


def header_problems(name: str, expected: str | None, seen: Sequence[str]) -> list[str]:
    """Hold the values of a header to what is expected: a sentence where they are something else."""
    if expected is None:
        return [f"expected no header {name}, got {_shown(', '.join(seen))}"] if seen else []
    said = f"expected header {name}: {expected}, got {_shown(', '.join(seen) if seen else None)}"
    together = [*seen, ", ".join(seen)] if seen else []
    try:
        pattern = regex(expected)
        holds = _matches(pattern, *together) if pattern else expected in together
    except GaveUp as error:
        return [f"{said}: {error}"]
    return [] if holds else [said]


def _body_problems(expected: str, answer: Answer) -> list[str]:
    place = "the first MiB of the body" if len(answer.body) >= BODY_LIMIT else "the body"
    return text_problem(expected, answer.text, place, answer.excerpt or "an empty body")


def text_problem(expected: str, text: str, place: str, got: str) -> list[str]:
    """Hold a text to what it must contain; ``got`` is what people are shown of it."""
    pattern = regex(expected)
    why = ""
    try:
        if _matches(pattern, text) if pattern else expected in text:
            return []
    except GaveUp as error:
        why = f": {error}"
    wanted = f"match {expected}" if pattern else f"contain {expected!r}"
    return [f"expected {place} to {wanted}, got {got}{why}"]


def _matches(pattern: Pattern[str], *texts: str) -> bool:
    """Return whether a pattern is in any of the texts. Raises ``GaveUp``, also where all of them together take long."""
    # Here, as most contracts have no pattern.
    from .matching import search_any

    return search_any(pattern, texts)


def _shown(seen: str | None) -> str:
    if not seen:
        return "none"
    return seen if len(seen) <= _SHOWN else f"{seen[: _SHOWN - 1]}…"


def judge_upstream(upstream: UpstreamExpectation, seen: Sequence[SeenRequest]) -> list[str]:
    """Hold what the upstreams saw to ``upstream``: any one request that fits is enough, as nginx may try again."""
    if not seen:
        return ["expected a request to an upstream, none came"]
    problems = [_upstream_problems(upstream, request) for request in seen]
    return [] if [] in problems else problems[-1]


def _upstream_problems(upstream: UpstreamExpectation, request: SeenRequest) -> list[str]:
    problems = []
    if upstream.method is not None and upstream.method != request["method"]:
        problems.append(f"expected the upstream to see method {upstream.method}, it saw {request['method']}")
    if upstream.path is not None:
        problems += _path_problems(upstream.path, request["path"])
    for name, expected in upstream.headers:
        seen = [value for key, value in request["headers"].items() if key.lower() == name.lower()]
        problems += [f"at the upstream: {problem}" for problem in header_problems(name, expected, seen)]
    return problems


def _path_problems(expected: str, seen: str) -> list[str]:
    said = f"expected the upstream to see path {expected}, it saw {_shown(seen)}"
    pattern = regex(expected, path=True)
    try:
        holds = _matches(pattern, seen) if pattern else expected == seen
    except GaveUp as error:
        return [f"{said}: {error}"]
    return [] if holds else [said]
