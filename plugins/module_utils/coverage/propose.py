"""Proposes, for blocks that no check reaches, the checks that would: each was asked, and did reach its block."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..config.derive import Entrance, doors
from ..config.parse import Directive
from ..config.samples import matching, samples
from ..contract.model import Check
from ..contract.showing import HIDDEN, shown_header, shown_url
from ..paste import comment, inert_url
from ..paste import to_yaml as as_yaml
from ..secrets import REDACTED
from .instrument import Block
from .measure import Answered, MeasuredCopy, can_be_asked

__all__ = ["Proposal", "propose", "to_yaml"]

_MOST = 10_000
_USUAL_PORTS = {"http": 80, "https": 443}
_METHODS = ("DELETE", "POST", "GET", "PUT", "OPTIONS")
_WORDS = re.compile(r"[^\W\d_][\w-]{3,30}(?: [\w-]{2,20}){0,2}")
_SHORT = 40
_STUB = '{"stub"'


_Parents = dict[int, dict[tuple[object, ...], Directive]]
"""For each server, the block that each directive in it stands in."""


@dataclass(frozen=True)
class Proposal:
    """A check for ``block``, as a user writes it. ``note`` says what to look at before it is taken."""

    block: Block
    check: dict[str, Any]
    note: str = ""


def propose(session: MeasuredCopy, blocks: Sequence[Block]) -> dict[int, Proposal]:
    """Try requests for each block and keep the first one that reached it, by the number of the block."""
    parents: _Parents = {}
    every = ((block, check) for block in blocks for check in _candidates(block, parents) if can_be_asked(check))
    wanted = list(itertools.islice(every, _MOST))
    checks = [check for _, check in wanted]
    outcomes, answered = session.ask(checks)
    by_check: dict[int, list[Answered]] = {}
    for each in answered:
        by_check.setdefault(each.check, []).append(each)
    found: dict[int, Proposal] = {}
    for index, (block, check) in enumerate(wanted):
        there = by_check.get(index, [])
        if block.number not in found and any(_reaches(block, each) for each in there):
            found[block.number] = _proposal(block, check, outcomes[index], there[-1])
    return found


def _reaches(block: Block, answered: Answered) -> bool:
    if block.kind != "limit_except":
        return block.number in answered.way
    return answered.status in ("401", "403", "405") and answered.method not in block.directive.args


def _candidates(block: Block, parents: _Parents) -> Iterator[Check]:
    """Requests that may reach a block, the likeliest first."""
    place = next(iter(doors(block.server)), None)
    if place is None or place.speaks != "http" or place.connect.startswith("unix:"):
        return
    if block.kind == "server":
        for door in doors(block.server):
            yield _check(door, "/")
    elif block.kind == "location":
        for path in _paths(block.directive):
            yield _check(place, path)
    elif block.kind == "limit_except":
        method = next((each for each in _METHODS if each not in block.directive.args), "DELETE")
        for path in _around(block, parents):
            yield _check(place, path, method)
    else:
        for path in _around(block, parents):
            yield from _for_condition(place, path, block.directive.args)


def _paths(location: Directive) -> list[str]:
    """Paths for a location. What a prefix names exactly may be another location's, so something below it as well."""
    found = samples(location)
    if len(location.args) == 1 or location.args[0] == "^~":
        found = [*found, *(path.rstrip("/") + "/x" for path in found)]
    return found


def _around(block: Block, parents: _Parents) -> list[str]:
    """Paths of the location that a block stands in; ``/`` where it stands in the server."""
    if id(block.server) not in parents:
        # An included file has its lines in several places, and the first of them will do.
        known: dict[tuple[object, ...], Directive] = {}
        parents[id(block.server)] = known
        for around in block.server.walk():
            for child in around.block or []:
                known.setdefault(_place(child), around)
    around_it = parents[id(block.server)].get(_place(block.directive))
    return _paths(around_it) if around_it is not None and around_it.name == "location" else ["/"]


def _place(directive: Directive) -> tuple[object, ...]:
    return directive.file, directive.line, directive.name, tuple(directive.args)


def _for_condition(door: Entrance, path: str, condition: Sequence[str]) -> Iterator[Check]:
    """Requests for which an ``if`` holds, where a method, a header, an argument or the host decides."""
    variable, *rest = condition
    operator, value = rest if len(rest) == 2 else ("", "")
    for text in _values(operator, value):
        if variable == "$request_method":
            yield _check(door, path, text.upper())
        elif variable == "$host" and text:
            yield _check(door._replace(host=text), path)
        elif variable in ("$args", "$query_string"):
            yield _check(door, f"{path}?{text or 'x=1'}")
        elif variable.startswith("$arg_"):
            yield _check(door, f"{path}?{variable.removeprefix('$arg_')}={text or '1'}")
        elif variable.startswith("$cookie_"):
            yield _check(door, path, headers=(("Cookie", f"{variable.removeprefix('$cookie_')}={text or '1'}"),))
        elif variable.startswith("$http_"):
            name = variable.removeprefix("$http_").replace("_", "-").title()
            yield _check(door, path, headers=((name, text or "x"),))
        elif variable in ("$uri", "$request_uri", "$document_uri") and text.startswith("/"):
            yield _check(door, text)
    if operator in ("!=", "!~", "!~*") or (operator == "-f" and not value) or not rest:
        yield _check(door, path)


def _values(operator: str, value: str) -> list[str]:
    if operator in ("~", "~*"):
        return matching(value, ignore_case=operator == "~*")
    if operator.startswith("!"):
        return ["sluice"]
    return [value]


def _check(door: Entrance, target: str, method: str = "GET", headers: tuple[tuple[str, str], ...] = ()) -> Check:
    port = "" if door.port == _USUAL_PORTS[door.scheme] else f":{door.port}"
    url = f"{door.scheme}://{door.host}{port}{target.replace(' ', '%20')}"
    connect = None if door.connect in ("127.0.0.1", "[::1]") else f"{door.connect}:{door.port}"
    return Check(f"{method} {url}", method, url, headers=headers, connect=connect)


def _proposal(block: Block, check: Check, outcome: dict[str, Any], answered: Answered) -> Proposal:
    """Write the check with the answer that staging gave."""
    row: dict[str, Any] = {}
    whole = inert_url(check.url)
    url = shown_url(whole)
    if check.method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        row[check.method.lower()] = url
    else:
        row["request"] = {"method": check.method, "url": url}
    hidden = [name for name, value in check.headers if _is_hidden(name, value)]
    if check.headers:
        row["headers"] = {name: REDACTED if name in hidden else value for name, value in check.headers}
    if check.connect:
        row["connect"] = check.connect
    expect: dict[str, Any] = {"status": int(answered.status)}
    note, body = "", str(outcome["body_excerpt"])
    if answered.location:
        origin = check.url.removesuffix(check.target)
        expect["location"] = answered.location.removeprefix(origin) or "/"
    elif body.startswith(_STUB):
        note = "a stub answered for the upstream: say what the real one does"
    elif answered.status == "200":
        word = _word(body)
        expect |= {"body": word} if word else {}
    elif answered.status.startswith("5"):
        note = "this is an error: fix it, or say in words of your own what is right"
    if hidden or url != whole:
        where = ", ".join([*(["the URL"] if url != whole else []), *hidden])
        note = "; ".join(filter(None, (note, f"a value of {where} is not shown: write it there")))
    return Proposal(block, {**row, "expect": expect}, note)


def _is_hidden(name: str, value: str) -> bool:
    """Return whether a value that the configuration compares with is not told: it tells friends from others, mostly."""
    cookie, _, inner = value.partition("=")
    shown = shown_header(cookie, inner, answered=True) if name == "Cookie" else shown_header(name, value, answered=True)
    return shown == HIDDEN


def _word(body: str) -> str:
    """Some words of a page: its title, else its text where that is short, else the first words of it."""
    title = re.search(r"<title>([^<]{3,60})</title>", body, re.IGNORECASE)
    if title:
        return title[1].strip()
    if len(body) <= _SHORT and "<" not in body:
        return body
    text = _WORDS.search(re.sub(r"<[^>]*>", " ", body))
    return text[0] if text else ""


def to_yaml(proposals: Sequence[Proposal]) -> str:
    """Write proposals as a list of checks to paste, each under the place that it is for."""
    parts = []
    for each in proposals:
        note = f"; {each.note}" if each.note else ""
        row = as_yaml([each.check], flow_style=None)
        parts.append(f"{comment(f'{each.block.words}, {each.block.place}{note}')}\n{row}")
    return "".join(parts)
