"""Asks a list of requests, in the same order whenever it is asked again, and tells all that came back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...contract.url import joined, parse_url
from .create import add_address, remove_address
from .requests import Connection, Silent, handshake, prior_knowledge, said_back
from .stub_log import StubLog

__all__ = ["exchange", "redirected", "url_of"]

_WORKERS = 6
# nginx before 1.19.10 closes a connection after 100 requests.
_MOST_ON_ONE = 90
# nginx may have few connections for all who ask.
_MOST_OPEN = 4
_NOT_ASKED = "not asked"
_TRIES = (429, 503)
_MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_EXCERPT = 2000
_MOST_BODY = 16 * 1024 * 1024
_MOST_DIGITS = 9
_DROPPED = ("date", "content-length", "transfer-encoding")


def exchange(plan: dict[str, Any], about: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask what is listed: the first row has the settings, each other one is a request.

    ``timeout`` is that of a request and ``seconds`` of everything.
    """
    settings, *rows = about
    # To offer old versions of TLS is the purpose.
    warnings.simplefilter("ignore", DeprecationWarning)
    witness = StubLog(plan)
    mark = witness.mark()
    began = time.monotonic()
    until = began + settings["seconds"]
    answers: list[dict[str, Any]] = [{"fault": _NOT_ASKED} for _ in rows]
    with _addresses(plan, rows) as held:
        for late in sorted({row["late"] for row in rows}):
            shares = _shares([row if row["source"] in held else None for row in rows], late)
            with ThreadPoolExecutor(_WORKERS) as pool:
                for work in [pool.submit(_ask_all, share, answers, settings["timeout"], until) for share in shares]:
                    work.result()
    seconds = time.monotonic() - began
    _join(answers, witness.since(mark))
    return {"answers": answers, "seconds": round(seconds, 3)}


@contextlib.contextmanager
def _addresses(plan: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Give nginx's network the addresses that are asked from; those of the environment stay where they are."""
    taken = {*plan["names"].values(), *plan["routed"], plan["stub"], plan["nginx"]}
    wanted = {row["source"] for row in rows} - taken - {""}
    added = [address for address in sorted(wanted) if add_address(address)]
    try:
        # One that is there already is the release's own.
        yield {"", *wanted}
    finally:
        for address in added:
            remove_address(address)


def _shares(rows: list[dict[str, Any] | None], late: int) -> list[list[tuple[int, dict[str, Any]]]]:
    """Split so that requests for one path are asked by one worker, in their order: caches remember.

    A worker has as few hosts as can be, since each means a connection.
    """
    groups: dict[str, dict[str, list[tuple[int, dict[str, Any]]]]] = {}
    for number, row in enumerate(rows):
        if row is not None and row["late"] == late:
            # Not by the port: HTTP and HTTPS often share what is remembered.
            paths = groups.setdefault(row["host"], {})
            paths.setdefault(row["target"].split("?")[0], []).append((number, row))
    asked = [group for paths in groups.values() for group in paths.values()]
    most = math.ceil(sum(map(len, asked)) / _WORKERS)
    shares: list[list[tuple[int, dict[str, Any]]]] = [[]]
    for group in asked:
        if len(shares[-1]) >= most:
            shares.append([])
        shares[-1] += group
    return shares


def _ask_all(
    share: list[tuple[int, dict[str, Any]]], answers: list[dict[str, Any]], timeout: float, until: float
) -> None:
    caller = _Caller(timeout)
    for number, row in share:
        if time.monotonic() > until:
            return
        try:
            answers[number] = _told(caller.ask(number, row))
        except Silent as error:
            answers[number] = {"fault": str(error)}
        except Exception as error:  # whatever a release answers, it is an answer to this request only
            answers[number] = {"fault": f"the answer cannot be read: {type(error).__name__}: {error}"}
    caller.close()


class _Caller:
    """Asks one request after the other, on one connection for each place; the one that was used last of many stays."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._connections: dict[tuple[Any, ...], Connection] = {}

    def ask(self, tag: int, row: dict[str, Any]) -> dict[str, Any]:
        source = f"127.{100 + tag // 62500}.{tag // 250 % 250}.{tag % 250 + 1}"
        if row["speaks"] == "handshake":
            return handshake(row, row["source"], self._timeout)
        if row["speaks"] in ("tcp", "tls", "udp"):
            return said_back(row, row["source"], self._timeout)
        if row["speaks"] == "h2":
            return prior_knowledge(row, tag, row["source"], self._timeout)
        if row["apart"]:
            # A limit that counts addresses would let it wait for those before it.
            with contextlib.closing(Connection(row, source, self._timeout)) as own:
                answer = own.ask(row, tag)
            return _followed(answer, tag, row, self._timeout) if row.get("follow") else answer
        answer = self._once(tag, row)
        if answer["status"] in _TRIES and row["source"] and not row["late"]:
            # The same, and there is no other address that says as much.
            raise Silent(_NOT_ASKED)
        if answer["status"] in _TRIES:
            # It may be a limit that counts addresses; another one shows what stands behind it.
            again = Connection(row, source, self._timeout)
            with contextlib.closing(again):
                answer = again.ask(row, tag)
        return _followed(answer, tag, row, self._timeout) if row.get("follow") else answer

    def _once(self, tag: int, row: dict[str, Any]) -> dict[str, Any]:
        name = row["host"] if row["scheme"] == "https" else ""
        place = (row["connect"], row["port"], row["scheme"], name, row["proxied"], row["source"])
        used = self._connections.pop(place, None)
        if used is not None and not used.ended and used.asked < _MOST_ON_ONE:
            self._connections[place] = used
            # It may have been closed meanwhile, which says nothing of the request.
            with contextlib.suppress(Silent):
                return used.ask(row, tag)
            del self._connections[place]
        if used is not None:
            used.close()
        if len(self._connections) >= _MOST_OPEN:
            self._connections.pop(next(iter(self._connections))).close()
        self._connections[place] = made = Connection(row, row["source"], self._timeout)
        return made.ask(row, tag)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


def _followed(answer: dict[str, Any], tag: int, row: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Follow redirects to the hosts that the row knows; ``chain`` has the URLs, ``loop`` says that there is no end."""
    chain, cookies, seen = [url_of(row)], {}, set()
    while answer["status"] in _REDIRECTS:
        fields = [(name.lower(), value) for name, value in answer["headers"]]
        target = next((value for name, value in fields if name == "location"), "")
        for name, value in fields:
            if name == "set-cookie" and "=" in value.split(";")[0]:
                cookies[value.partition("=")[0]] = value.split(";")[0]
        if not target:
            break
        following = redirected(row, target)
        if following is None:
            return {**answer, "chain": [*chain, target]}
        row = following
        chain.append(url_of(row))
        state = (url_of(row), tuple(cookies.values()))
        if state in seen or len(chain) > _MOST_REDIRECTS + 1:
            return {**answer, "chain": chain, "loop": True}
        seen.add(state)
        try:
            with contextlib.closing(Connection(row, "", timeout)) as connection:
                answer = connection.ask(row, tag, "; ".join(cookies.values()))
        except Silent as error:
            return {"status": None, "headers": [], "body": b"", "fault": str(error), "chain": chain}
    return {**answer, "chain": chain}


def url_of(row: dict[str, Any]) -> str:
    """Return the URL that a row asks for."""
    return f"{row['scheme']}://{row['authority']}{row['target']}"


def redirected(row: dict[str, Any], target: str) -> dict[str, Any] | None:
    """Return the request after a redirect; None where it leads away from what listens here."""
    try:
        url = parse_url(joined(url_of(row), target))
    except ValueError:
        return None
    if url.host not in row["hosts"] or [url.scheme, url.port] not in row["ports"]:
        return None
    same = url.port == row["port"]
    return {
        **row,
        "scheme": url.scheme,
        "authority": url.authority,
        "host": url.host,
        "port": url.port,
        "target": url.target,
        "connect": row["connect"] if same or not row["connect"].startswith("unix:") else "127.0.0.1",
    }


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as plain data: the body as a digest and its beginning, or as what a stub saw."""
    if "body" not in answer:
        return answer
    body = answer.pop("body")
    fields = [(name.lower(), value) for name, value in answer["headers"]]
    encoding = next((value for name, value in fields if name == "content-encoding"), "")
    answer["headers"] = [field for field in fields if field[0] not in _DROPPED]
    if encoding == "gzip":
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(31).decompress(body, _MOST_BODY)
    if body.startswith(b'{"stub"'):
        with contextlib.suppress(ValueError, KeyError):
            seen = json.loads(body)["stub"]
            if isinstance(seen, dict) and isinstance(seen.get("headers", {}), dict):
                answer["stub"] = seen
                return answer
    answer["size"] = len(body)
    answer["digest"] = hashlib.sha256(body).hexdigest()[:16]
    answer["text"] = body[:_EXCERPT].decode("utf-8", "replace")
    return answer


def _join(answers: list[dict[str, Any]], seen: list[dict[str, Any]]) -> None:
    """Give each answer what the upstreams saw of its request; a protocol without headers tells it in the body only."""
    for record in seen:
        tag = record.get("headers", {}).pop("x-sluice-request", "")
        if tag.isascii() and tag.isdigit() and len(tag) < _MOST_DIGITS and int(tag) < len(answers):
            answers[int(tag)].setdefault("upstream", []).append(record)
    for answer in answers:
        record = answer.pop("stub", None)
        answer["passed"] = record is not None
        if record is not None and "upstream" not in answer:
            record.get("headers", {}).pop("x-sluice-request", None)
            answer["upstream"] = [record]
            answer["cached"] = True
