"""What a change does: the sets of requests that are handled otherwise, grouped by edit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..behaviour.changes import DirectiveChange
from ..config.derive import DerivedRequest, doors
from ..config.facts import server_names
from ..config.match import choose_server
from ..config.parse import Config, Directive
from ..textfmt import count
from .budget import Budget
from .comparing import Comparison, Pair
from .decisions import Decisions
from .edits import Edits
from .listening import Meeting, meetings
from .machines import Machines
from .model import Effect, Effects
from .reached import signature
from .sides import ConfigSide, variables
from .terms import Algebra, TooMuch
from .words import Words

__all__ = ["effects"]

_SECONDS = 2.0
_SECONDS_FOR_MANY = 8.0
_LEAST_SECONDS = 0.02
_SECONDS_TO_COUNT = 0.5
_MANY = 200
_OF_HOST = ("host", "http_host")
_OF_PORT = ("server_port", "http_host")
_ODD = (LookupError, TypeError, ValueError, RecursionError)
_Key = tuple[object, ...]
_Servers = tuple[int, int]


def effects(
    live: Config,
    candidate: Config,
    changed: Sequence[DirectiveChange],
    requests: Sequence[DerivedRequest] = (),
    seconds: float | None = None,
) -> Effects:
    """Compute what a change does; ``requests`` are those of a log, of which each effect gets its share.

    At most about ``seconds`` are spent, by default 2, and 8 for hundreds of servers. What is not done by then is
    sampled or left out, and says so.
    """
    many = max(len(live.servers()), len(candidate.servers())) > _MANY
    work = _Work(live, candidate, changed, Budget(seconds or (_SECONDS_FOR_MANY if many else _SECONDS)))
    return work.run(requests)


class _Work:
    def __init__(self, live: Config, candidate: Config, changed: Sequence[DirectiveChange], budget: Budget) -> None:
        self._configs = (live, candidate)
        self._sides = (ConfigSide("live", live), ConfigSide("the candidate", candidate))
        ConfigSide.compare(*self._sides)
        self._bases = (self._sides[0].base(), self._sides[1].base())
        self._edits = Edits(changed)
        self._budget = budget
        self._machines = Machines(Algebra(), budget)
        self._decisions = Decisions()
        self._signatures: dict[int, object] = {}
        self._derived: dict[tuple[int, tuple[str, ...]], set[str]] = {}
        self._heeding: dict[tuple[int, tuple[str, ...]], bool] = {}
        # By the servers that meet: those that may differ in anything, and what is known of the others.
        self._open: set[_Servers] = set()
        self._done: dict[_Servers, list[tuple[Comparison, set[object]]]] = {}
        self._covered: dict[tuple[object, ...], bool] = {}

    def run(self, requests: Sequence[DerivedRequest]) -> Effects:
        found: list[Effect] = []
        unread: list[str] = []
        groups: dict[_Key, list[Meeting]] = {}
        for meeting in meetings(*self._configs):
            key = self._key(meeting)
            if key is not None:
                groups.setdefault(key, []).append(meeting)
        for number, group in enumerate(groups.values()):
            if self._budget.left <= 0:
                left = list(itertools.islice(groups.values(), number, None))
                self._open.update(map(_servers, left))
                names = sum(map(len, left))
                unread.append(f"{count(names, 'more name')} on listeners: it takes too long to work out")
                break
            # No server may take the time of all others.
            last = number + 1 == len(groups)
            budget = Budget(max(self._budget.left if last else self._budget.left / 2, _LEAST_SECONDS))
            try:
                found += self._compared(group, budget, requests)
            except TooMuch as error:
                self._open.add(_servers(group))
                unread.append(f"{_where(group)}: {error}")
            except _ODD as error:
                # It explains a change and decides nothing, so what is odd stops nobody.
                self._open.add(_servers(group))
                unread.append(f"{_where(group)}: not understood: {error!r}")
        return Effects(_merged(found), unread, self._covers)

    def _covers(self, request: DerivedRequest) -> bool:
        """Return whether a request is in a set; where not all is known of its server, it may be."""
        # Many requests differ in headers alone.
        key = (request.host, request.port, request.connect, request.target)
        if key not in self._covered:
            self._machines.budget = Budget(_SECONDS_TO_COUNT)
            pairs = self._pairs_of(request)
            self._covered[key] = any(self._covers_between(pair, request.target) for pair in pairs)
        return self._covered[key]

    def _pairs_of(self, request: DerivedRequest) -> set[_Servers]:
        """Return the servers that answer, by the listener alone and by the address that is asked as well."""
        return {self._answering(request, address) for address in ("", request.connect)}

    def _answering(self, request: DerivedRequest, address: str = "") -> _Servers:
        live, candidate = [choose_server(each, request.host, request.port, address) for each in self._configs]
        return id(live), id(candidate)

    def _covers_between(self, pair: _Servers, target: str) -> bool:
        if pair in self._open:
            return True
        for comparison, keys in self._done.get(pair, ()):
            try:
                found = comparison.counts_for(target)
            except (TooMuch, *_ODD):
                return True
            if comparison.is_cut or any(key in keys for key in found):
                return True
        return False

    def _key(self, meeting: Meeting) -> _Key | None:
        """Return what tells comparisons apart; None where both sides do the same."""
        around = self._bases[0] == self._bases[1] and meeting.was_tls == meeting.listener.tls
        if around and self._is_same(meeting):
            return None
        listener = meeting.listener
        host = meeting.host if self._heed(meeting, _OF_HOST) else ""
        port = listener.port if self._heed(meeting, _OF_PORT) else 0
        return (id(meeting.live), id(meeting.candidate), meeting.was_tls, listener.tls, host, port)

    def _is_same(self, meeting: Meeting) -> bool:
        """Return whether two servers say the same."""
        pair = meeting.live, meeting.candidate
        live, candidate = [None if each is None else self._signature(side, each) for side, each in enumerate(pair)]
        return live == candidate

    def _signature(self, side: int, server: Directive) -> object:
        key = id(server)
        if key not in self._signatures:
            self._signatures[key] = signature(self._sides[side], server)
        return self._signatures[key]

    def _heed(self, meeting: Meeting, names: tuple[str, ...]) -> bool:
        """Return whether a server hangs on one of some variables, itself or through maps of maps."""
        pair = enumerate((meeting.live, meeting.candidate))
        return any(server is not None and self._heeds(side, server, names) for side, server in pair)

    def _heeds(self, side: int, server: Directive, names: tuple[str, ...]) -> bool:
        key = (id(server), names)
        if key not in self._heeding:
            if (side, names) not in self._derived:
                self._derived[side, names] = self._sides[side].derived(names)
            derived = self._derived[side, names]
            self._heeding[key] = any(
                (each.name == "if" and not {*variables(" ".join(each.args[:1]))}.isdisjoint(names))
                or (derived and any("$" in word and not derived.isdisjoint(variables(word)) for word in each.args))
                for each in server.walk()
            )
        return self._heeding[key]

    def _compared(self, group: Sequence[Meeting], budget: Budget, requests: Sequence[DerivedRequest]) -> list[Effect]:
        first = group[0]
        servers = first.live, first.candidate
        self._machines.budget = budget
        known = _known(first, servers[0]), _known(first, servers[1])
        comparison = Comparison(self._machines, self._decisions, self._sides, servers, known, self._bases)
        pairs = comparison.pairs(budget, self._is_same(first))
        counts = self._counted(group, comparison, requests) if pairs else None
        keys = {key for pair in pairs for key in comparison.keys(pair)}
        self._done.setdefault(_servers(group), []).append((comparison, keys))
        if any(pair.doubts for pair in pairs):
            self._open.add(_servers(group))
        words = Words(self._sides, comparison.around)
        found = []
        for pair in pairs:
            edits = self._edits.behind(pair, comparison.lines, servers)
            effect = words.effect(pair, edits, _where(group), _witness(group, pair))
            if requests and counts is not None:
                effect = replace(effect, requests=counts.get(comparison.keys(pair)[0], 0), asked=len(requests))
            found.append(effect)
        if first.was_tls != first.listener.tls and None not in servers:
            self._open.add(_servers(group))
            found.append(_of_tls(group))
        return found

    def _counted(
        self, group: Sequence[Meeting], comparison: Comparison, requests: Sequence[DerivedRequest]
    ) -> dict[object, int] | None:
        """Count the requests of a log by what they count for; None where that takes too long."""
        self._machines.budget = Budget(_SECONDS_TO_COUNT)
        found: dict[object, int] = {}
        hosts = {(meeting.host, meeting.listener.port) for meeting in group}
        # What no name of the configuration covers, and what only a pattern does, is looked up.
        loose = {each.listener.port for each in group if not each.name or each.name.startswith(("~", "*", "."))}
        try:
            for request in requests:
                named = (request.host, request.port) in hosts
                if not named and not (request.port in loose and self._answering(request) == _servers(group)):
                    continue
                for key in comparison.counts_for(request.target):
                    found[key] = found.get(key, 0) + 1
        except TooMuch:
            return None
        return found


def _servers(group: Sequence[Meeting]) -> _Servers:
    return id(group[0].live), id(group[0].candidate)


def _known(meeting: Meeting, server: Directive | None) -> Mapping[str, str]:
    """Return the variables that are known of a request to a server."""
    listener = meeting.listener
    usual = listener.port in (0, 443 if listener.tls else 80)
    return {
        "host": meeting.host,
        "http_host": meeting.host + ("" if usual else f":{listener.port}"),
        "server_name": server_names(server)[0] if server is not None else "",
        "scheme": listener.scheme,
        "https": "on" if listener.tls else "",
        "server_port": str(listener.port),
    }


def _where(group: Sequence[Meeting]) -> str:
    names = list(dict.fromkeys(meeting.name or "any other name" for meeting in group))
    ports = sorted({(each.listener.port, each.listener.address) for each in group})
    listeners = dict.fromkeys(str(port) if port else address for port, address in ports)
    more = len(names) - 3
    shown = ", ".join(names[:3]) + (f" and {count(more, 'more name')}" if more > 0 else "")
    return f"{shown}, port {' and '.join(listeners)}"


def _witness(group: Sequence[Meeting], pair: Pair) -> DerivedRequest | None:
    """Return the shortest request of a pair, through a door of the candidate or, where it has none, of live."""
    for meeting in group:
        for server in (meeting.candidate, meeting.live):
            for door in doors(server, names=1) if server is not None else ():
                if door.port == meeting.listener.port:
                    return door._replace(host=meeting.host).ask("/")._replace(target=pair.target)
    return None


def _of_tls(group: Sequence[Meeting]) -> Effect:
    before, after = ("TLS", "plain HTTP") if group[0].was_tls else ("plain HTTP", "TLS")
    return Effect([], _where(group), "every request", f"{before} is spoken", f"{after} is spoken")


def _merged(found: Iterable[Effect]) -> list[Effect]:
    """Put what is the same on several names and ports together."""
    rows: dict[tuple[Any, ...], Effect] = {}
    for effect in found:
        edits = tuple(map(id, effect.edits))
        key = (edits, effect.paths, effect.before, effect.after, effect.when, tuple(effect.cases), effect.because)
        rows[key] = rows[key].joined(effect) if key in rows else effect
    return list(rows.values())
