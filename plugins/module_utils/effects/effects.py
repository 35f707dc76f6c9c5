"""What a change does: the sets of requests that are handled otherwise, grouped by edit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..behaviour.changes import Change
from ..config.derive import Request, doors
from ..config.facts import server_names
from ..config.match import choose_server
from ..config.parse import Config, Directive
from .comparing import Comparison, Pair
from .decisions import canonical
from .edits import Edits
from .listening import Meeting, meetings
from .machines import Budget
from .model import Effect, Effects
from .sides import Side
from .terms import TooMuch
from .words import described

__all__ = ["effects"]

_SECONDS = 2.0
_SECONDS_FOR_MANY = 8.0
_MANY = 200
_OF_HOST = ("$host", "$http_host")
_Known = Mapping[str, str]


def effects(
    live: Config,
    candidate: Config,
    changed: Sequence[Change],
    requests: Sequence[Request] = (),
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
    def __init__(self, live: Config, candidate: Config, changed: Sequence[Change], budget: Budget) -> None:
        self._configs = (live, candidate)
        self._sides = (Side("live", live), Side("the candidate", candidate))
        Side.compare(*self._sides)
        self._bases = (self._sides[0].base(), self._sides[1].base())
        self._edits = Edits(changed)
        self._budget = budget
        self._signatures: dict[int, object] = {}

    def run(self, requests: Sequence[Request]) -> Effects:
        effects: list[Effect] = []
        unread: list[str] = []
        groups: dict[object, list[Meeting]] = {}
        for meeting in meetings(*self._configs):
            key = self._key(meeting)
            if key is not None:
                groups.setdefault(key, []).append(meeting)
        for number, group in enumerate(groups.values()):
            # No server may take the time of all others.
            seconds = max(self._budget.left / 2 if number + 1 < len(groups) else self._budget.left, 0.02)
            if self._budget.left <= 0:
                names = sum(len(each) for each in itertools.islice(groups.values(), number, None))
                unread.append(f"{names} names on listeners are left out: it takes more than {self._budget.seconds:g} s")
                break
            try:
                effects += self._compared(group, Budget(seconds), requests)
            except TooMuch as error:
                unread.append(f"{_where(group)}: {error}")
        return Effects(_merged(effects), unread)

    def _key(self, meeting: Meeting) -> object | None:
        """Return what tells comparisons apart; None where both sides do the same."""
        signatures = [
            None if server is None else self._signature(side, server)
            for side, server in ((0, meeting.live), (1, meeting.candidate))
        ]
        if (
            signatures[0] == signatures[1]
            and self._bases[0] == self._bases[1]
            and meeting.was_tls == meeting.listener.tls
        ):
            return None
        by_host = any(
            server is not None and self._looks_at_host(side, server)
            for side, server in ((0, meeting.live), (1, meeting.candidate))
        )
        servers = id(meeting.live), id(meeting.candidate)
        return (*servers, meeting.was_tls, meeting.listener.tls, meeting.host if by_host else "")

    def _signature(self, side: int, server: Directive) -> object:
        key = id(server)
        if key not in self._signatures:
            said = [each for each in server.block or [] if each.name not in ("listen", "server_name")]
            own = Directive("server", [], "", 0, said)
            named = (
                server_names(server)[0]
                if any("$server_name" in word for each in server.walk() for word in each.args)
                else ""
            )
            self._signatures[key] = hash((canonical(own), named, repr(self._sides[side].uses(own))))
        return self._signatures[key]

    def _looks_at_host(self, side: int, server: Directive) -> bool:
        definitions = self._sides[side].definitions
        for each in server.walk():
            if each.name == "if" and each.args[:1] and each.args[0].startswith(_OF_HOST):
                return True
        sources = {
            name
            for name, block in definitions.items()
            if block.args and any(host in block.args[0] for host in _OF_HOST)
        }
        return bool(sources) and any(
            f"${name}" in word for name in sources for each in server.walk() for word in each.args
        )

    def _compared(self, group: Sequence[Meeting], budget: Budget, requests: Sequence[Request]) -> list[Effect]:
        first = group[0]
        servers = first.live, first.candidate
        comparison = Comparison(
            self._sides, servers, (_known(first, servers[0]), _known(first, servers[1])), self._bases, budget
        )
        pairs = comparison.pairs()
        counts = self._counted(group, comparison, requests)
        found = []
        for pair in pairs:
            edits = self._edits.behind(pair, comparison.lines, servers)
            names = [name for name in (pair.name,) if name]
            around = comparison.around if names else {}
            count = (
                counts.get((pair.live.handling, pair.candidate.handling), 0)
                if not pair.name
                else counts.get(pair.name, 0)
            )
            found.append(
                described(
                    pair,
                    edits,
                    _where(group),
                    _witness(group, pair),
                    around,
                    count if requests else None,
                    len(requests),
                )
            )
        if first.was_tls != first.listener.tls and None not in servers:
            found.append(_of_tls(group, self._edits))
        return found

    def _counted(
        self, group: Sequence[Meeting], comparison: Comparison, requests: Sequence[Request]
    ) -> dict[object, int]:
        found: dict[object, int] = {}
        hosts = {(meeting.host, meeting.listener.port) for meeting in group}
        others = {meeting.listener.port for meeting in group if not meeting.name}
        for request in requests:
            if (request.host, request.port) not in hosts and (
                request.port not in others
                or choose_server(self._configs[1], request.host, request.port) is not group[0].candidate
            ):
                continue
            try:
                live, candidate = comparison.decisions(request.target)
            except TooMuch:
                break
            for key in comparison.keys(live, candidate):
                found[key] = found.get(key, 0) + 1
        return found


def _known(meeting: Meeting, server: Directive | None) -> _Known:
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
    doors = dict.fromkeys(str(port) if port else address for port, address in ports)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more names" if len(names) > 3 else "")
    return f"{shown}, port {' and '.join(doors)}"


def _witness(group: Sequence[Meeting], pair: Pair) -> Request | None:
    """Return the shortest request of a pair, through a door of the candidate or, where it has none, of live."""
    for meeting in group:
        for server in (meeting.candidate, meeting.live):
            for door in doors(server, names=1) if server is not None else ():
                if door.port == meeting.listener.port:
                    return door._replace(host=meeting.host).ask("/")._replace(target=pair.difference.target)
    return None


def _of_tls(group: Sequence[Meeting], edits: Edits) -> Effect:
    before, after = ("TLS", "plain HTTP") if group[0].was_tls else ("plain HTTP", "TLS")
    return Effect([], _where(group), "every request", f"{before} is spoken", f"{after} is spoken")


def _merged(found: Iterable[Effect]) -> list[Effect]:
    """Put what is the same on several names and ports together."""
    rows: dict[tuple[Any, ...], Effect] = {}
    for effect in found:
        key = (tuple(map(id, effect.edits)), effect.paths, effect.before, effect.after, effect.when, effect.because)
        if key in rows:
            rows[key] = rows[key].joined(effect)
        else:
            rows[key] = effect
    return list(rows.values())
