"""Runs checks: asks, follows redirects, and holds what comes back to what was expected."""

from __future__ import annotations

import functools
import time
from threading import Thread
from typing import TYPE_CHECKING, Callable, Collection, Iterable, Mapping, NamedTuple, Protocol, Sequence

from ..untrusted import printable
from .answer import Answer, SeenRequest, judge, judge_upstream
from .cookies import Cookies
from .model import Check, from_json
from .protocols import HTTP
from .transport import NoAnswer, Request, fetch
from .url import Url, joined, parse_url

if TYPE_CHECKING:
    from .speaking.common import Heard

__all__ = ["LEADS_AWAY", "Outcome", "SeenRequest", "UpstreamLog", "run_checks", "run_rows", "unjudged"]

LEADS_AWAY = "redirected to"
"""How the problem begins where a redirect was not followed, because it leads to no host of the contract."""

_MOST_REDIRECTS = 10
# A check may take so many times as long as one request.
_WHOLE = 3
# nginx takes no longer ones by default, in characters.
_LONGEST_TARGET = 8192
_SHOWN = 300
_REDIRECTS = (301, 302, 303, 307, 308)


class UpstreamLog(Protocol):
    """What the stubs of upstreams saw. A request must be noted before it is answered."""

    def mark(self) -> object:
        """Return this moment, to be given to ``since``."""

    def since(self, mark: object) -> Sequence[SeenRequest]:
        """Return what came since ``mark``, oldest first."""


class Outcome(NamedTuple):
    """What became of a check. ``status`` and ``body_excerpt`` (at most 200 characters) are those of the last answer.

    ``ms`` is the time from the first connect to the last byte, redirects included. ``chain`` holds the URLs asked
    for, in order. ``untested`` says why the check was not asked, where that is no fault of what it asks.
    """

    name: str
    source: str
    request: str
    problems: tuple[str, ...]
    status: int | None
    ms: float
    chain: tuple[str, ...]
    body_excerpt: str
    untested: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the check holds."""
        return not self.problems

    def to_json(self) -> dict[str, object]:
        """Turn it into plain values."""
        told = {**self._asdict(), "ok": self.ok, "problems": list(self.problems), "chain": list(self.chain)}
        if not self.untested:
            del told["untested"]
        return told


def run_checks(
    checks: Iterable[Check],
    *,
    timeout: float = 10.0,
    workers: int = 8,
    witness: UpstreamLog | None = None,
    noted: Callable[[Outcome], None] | None = None,
    hosts: Collection[str] = (),
    lenient: bool = False,
    lost: Callable[[], str] | None = None,
) -> list[Outcome]:
    """Run checks, ``workers`` at a time, and return their outcomes in the given order.

    Each request has ``timeout`` seconds, and a check with its redirects three times as many. Redirects are followed to
    the hosts of the given checks, and ``hosts``, only. With a witness the checks that expect something of an upstream
    run alone, one after the other; without one that part of them is not looked at. ``noted`` gets each outcome as soon
    as it is there, on any thread. ``lenient``: what cannot be asked for want of a library is untested, and no failure.
    ``lost`` says why new connections over QUIC may reach nobody at the moment, or nothing; see ``h3.fetch_patiently``.

    It raises nothing: whatever goes wrong with a check, in asking as in judging, is an outcome that does not hold.
    """
    contract = list(checks)
    asking = _Asking(frozenset([*hosts, *(_host(check) for check in contract)]), timeout, lenient, lost)
    alone = {} if witness is None else {n: check for n, check in enumerate(contract) if check.expect.upstream}
    together = {n: check for n, check in enumerate(contract) if n not in alone}

    def run(check: Check, witness: UpstreamLog | None = None) -> Outcome:
        try:
            outcome = _run(check, asking, witness)
        except Exception as error:
            outcome = unjudged(check.name, _named(error), check.source, check.words)
        if noted is not None:
            noted(outcome)
        return outcome

    found = _side_by_side(together, run, workers)
    found.update((n, run(check, witness)) for n, check in alone.items())
    return [found[n] for n in range(len(contract))]


def run_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    timeout: float = 10.0,
    noted: Callable[[Outcome], None] | None = None,
    lenient: bool = False,
    lost: Callable[[], str] | None = None,
) -> list[Outcome]:
    """Run checks that are stored as ``model.to_json`` gives them; a row that is no check is an outcome, too."""
    read: list[Check | Outcome] = []
    for row in rows:
        try:
            read.append(from_json(row))
        except Exception as error:
            outcome = unjudged(str(row.get("name", "")) if isinstance(row, dict) else "", _named(error))
            read.append(outcome)
            if noted is not None:
                noted(outcome)
    contract = [each for each in read if isinstance(each, Check)]
    found = iter(run_checks(contract, timeout=timeout, noted=noted, lenient=lenient, lost=lost))
    return [next(found) if isinstance(each, Check) else each for each in read]


def unjudged(name: str, why: str, source: str = "", request: str = "") -> Outcome:
    """Return the outcome of a check in which Sluice itself failed: it does not hold."""
    problem = (
        f"Sluice could not judge this check ({_shown(printable(why))}), so nobody knows whether it holds; report this"
    )
    return Outcome(name, source, request, (problem,), None, 0.0, (), "")


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _host(check: Check) -> str:
    try:
        return check.host
    except ValueError:
        return ""


def _side_by_side(checks: dict[int, Check], run: Callable[[Check], Outcome], workers: int) -> dict[int, Outcome]:
    """Run ``checks`` in at most so many threads, or in this one where there can be none.

    What one of them raises is raised here, when all have ended: no check does.
    """
    waiting = list(checks.items())
    waiting.reverse()
    found: dict[int, Outcome] = {}
    errors: list[BaseException] = []

    def work() -> None:
        while waiting and not errors:
            try:
                number, check = waiting.pop()
            except IndexError:
                return
            try:
                found[number] = run(check)
            except BaseException as error:
                errors.append(error)

    threads = []
    try:
        for _ in range(min(workers, len(waiting))):
            thread = Thread(target=work, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        # A host that has no room for another thread still has this one.
        work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found


class _Asking(NamedTuple):
    """What holds for all checks of a run: the hosts that redirects may lead to, seconds for a request, and as in
    ``run_checks``.
    """

    hosts: frozenset[str]
    timeout: float
    lenient: bool
    lost: Callable[[], str] | None


def _run(check: Check, asking: _Asking, witness: UpstreamLog | None) -> Outcome:
    if check.protocol == "h1":
        return _asked(check, asking, witness)
    from .speaking.common import Untested

    try:
        return _asked(check, asking, witness) if check.protocol in HTTP else _spoken(check, asking.timeout, witness)
    except Untested as error:
        why = printable(str(error))
        problems, untested = ((), why) if asking.lenient else ((why,), "")
        return Outcome(check.name, check.source, check.words, problems, None, 0.0, (), "", untested)


def _spoken(check: Check, timeout: float, witness: UpstreamLog | None) -> Outcome:
    """Ask over a protocol that knows no redirects and no pages."""
    from .speaking.common import excerpt

    mark = witness.mark() if witness else None
    begin = time.monotonic()
    status, heard, problems = None, b"", []
    try:
        status, heard, found = _speaker(check.protocol)(check, timeout)
        problems = list(found)
    except NoAnswer as error:
        problems = [str(error)]
    ms = round((time.monotonic() - begin) * 1000, 1)
    if check.expect.max_ms is not None and ms > check.expect.max_ms:
        problems.append(f"expected at most {check.expect.max_ms} ms, took {ms:.0f} ms")
    if witness and check.expect.upstream:
        problems += judge_upstream(check.expect.upstream, witness.since(mark))
    told = tuple(printable(text) for text in problems)
    return Outcome(check.name, check.source, check.words, told, status, ms, (check.url,), excerpt(heard))


def _speaker(protocol: str) -> Callable[[Check, float], Heard]:
    if protocol == "grpc":
        from .speaking import grpc

        return grpc.ask
    if protocol == "websocket":
        from .speaking import websocket

        return websocket.ask
    from .speaking import streams

    return streams.ask


def _fetcher(
    protocol: str, lost: Callable[[], str] | None
) -> Callable[[Request, tuple[str, int], float, Cookies], Answer]:
    if protocol == "h2":
        from .speaking import h2

        return h2.fetch
    if protocol == "h3":
        from .speaking import h3

        return h3.fetch if lost is None else functools.partial(h3.fetch_patiently, lost)
    return fetch


def _asked(check: Check, asking: _Asking, witness: UpstreamLog | None) -> Outcome:
    mark = witness.mark() if witness else None
    walk = _RedirectWalk(check, asking)
    begin = time.monotonic()
    problem = walk.go()
    ms = round((time.monotonic() - begin) * 1000, 1)
    problems = [problem] if problem else []
    answer = walk.answer
    if answer is not None and problem is None:
        problems += judge(check.expect, answer, walk.chain[-1], ms)
    if witness and check.expect.upstream:
        problems += judge_upstream(check.expect.upstream, witness.since(mark))
    return Outcome(
        name=check.name,
        source=check.source,
        request=check.words,
        # They hold what others have sent, and a person reads them.
        problems=tuple(printable(text) for text in problems),
        status=answer.status if answer else None,
        ms=ms,
        # A host that says more than so much is not believed, and others choose how long these are.
        chain=tuple(map(_shown, walk.chain)),
        body_excerpt=answer.excerpt if answer else "",
    )


class _RedirectWalk:
    """The way of one check, through its redirects, to the last answer."""

    def __init__(self, check: Check, asking: _Asking) -> None:
        self.chain: list[str] = []
        self.answer: Answer | None = None
        self._check = check
        self._fetch = _fetcher(check.protocol, asking.lost)
        self._hosts = asking.hosts
        self._timeout = asking.timeout
        self._end = time.monotonic() + _WHOLE * asking.timeout

    def go(self) -> str | None:
        """Ask, and follow where the check says so. Returns what kept it from an end, in words."""
        check = self._check
        body = None if check.body is None else check.body.encode()
        request = Request(check.method, parse_url(check.url), check.headers, body)
        cookies = Cookies()
        asked = set()
        while True:
            self.chain.append(str(request.url))
            # A page that sets a cookie and redirects to itself is no loop: the second request differs.
            state = (request.method, request.url, cookies.state())
            if state in asked:
                return f"redirect loop: {self._way()}"
            asked.add(state)
            if len(self.chain) > _MOST_REDIRECTS + 1:
                return f"more than {_MOST_REDIRECTS} redirects: {self._way()}"
            try:
                self.answer = self._fetch(request, self._address(request.url), self._left(), cookies)
            except NoAnswer as error:
                return str(error) if len(self.chain) == 1 else f"{error} (after {self._way()})"
            target = self.answer.location
            goes_on = check.follow and self.answer.status in _REDIRECTS and self.answer.fault is None
            if target is None or not goes_on:
                return None
            if len(target) > _LONGEST_TARGET:
                return f"{LEADS_AWAY} what cannot be asked for: a URL of {len(target)} characters"
            try:
                url = parse_url(joined(str(request.url), target))
            except ValueError as error:
                return f"{LEADS_AWAY} what cannot be asked for: {_shown(str(error))}"
            if url.host not in self._hosts:
                return f"{LEADS_AWAY} {_shown(str(url))}, whose host {url.host} no check of the contract asks for"
            try:
                cookies.keep(request.url, self.answer)
            except Exception as error:  # whatever a jar of the standard library makes of it
                return f"{request.url} sets a cookie that cannot be read: {_shown(str(error))}"
            request = _redirected(request, url, self.answer.status)

    def _address(self, url: Url) -> tuple[str, int]:
        """A port that ``connect`` names stands for the port of the check's URL; another port is asked for as it is."""
        host, port = self._check.address
        return host, port if url.port == self._check.port else url.port

    def _left(self) -> float:
        return min(self._timeout, max(self._end - time.monotonic(), 0.1))

    def _way(self) -> str:
        return " → ".join(_shown(url) for url in self.chain)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _is_at_home(url: Url, other: Url) -> bool:
    """Return whether the other URL is of the same server, or of its way from http to https."""
    ways = (url.scheme, url.port), (other.scheme, other.port)
    return url.host == other.host and (ways[0] == ways[1] or ways == (("http", 80), ("https", 443)))


def _redirected(request: Request, url: Url, status: int) -> Request:
    """Make the next request as browsers do: after 303, and after 301 and 302 to a POST, it is a GET without a body.

    No other server than the one that was to be asked gets a header that is a secret.
    """
    headers = tuple((name, value) for name, value in request.headers if name.lower() != "host")
    if not _is_at_home(request.url, url):
        # Here, as most redirects stay where they are.
        from .showing import is_secret_name

        headers = tuple(pair for pair in headers if not is_secret_name(pair[0]))
    to_get = (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST")
    if not to_get:
        return Request(request.method, url, headers, request.body)
    return Request("GET", url, tuple(pair for pair in headers if not pair[0].lower().startswith("content-")))
