"""A server of an upstream is called like another upstream, or has its port: it was copied, and not all was changed.

``green-1:8200`` and ``blue-2:8100`` in ``upstream green`` send every second request to blue, and so do ``green-1:8200``
and ``green-2:8100``. Servers count as alike where only digits in their names differ. Where each has a port of its own,
or no other upstream has that port, nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_HOST_AND_PORT = re.compile(r"([A-Za-z][\w.-]*):(\d+)")
_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
_PASSED_TO = re.compile(r"(?:\w+://)?([A-Za-z][\w.-]*):(\d+)(?:/.*)?")
_WORD = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"\d+")


class _Member(NamedTuple):
    """A server of an upstream: its host, its port, and the host with a sign for each number in it."""

    line: Directive
    host: str
    port: str

    @property
    def sort(self) -> str:
        return _DIGITS.sub("#", self.host)

    @property
    def words(self) -> set[str]:
        return set(_WORD.findall(self.host.lower()))


_Upstreams = Mapping[str, Sequence[_Member]]
_Called = Mapping[str, Counter[str]]


def _members(block: Directive) -> list[_Member]:
    read = ((each, _HOST_AND_PORT.fullmatch(each.args[0] if each.args else "")) for each in block.children("server"))
    return [_Member(each, match[1], match[2]) for each, match in read if match]


def _of_other_name(name: str, members: Sequence[_Member], called: _Called) -> Iterator[tuple[_Member, str]]:
    """Yield the members that are called like another upstream, as those of that one are, and what shows it.

    ``called`` counts for each upstream by how many of its members each word is borne.
    """
    own = called[name]
    for one in members if own[name] else ():
        if name not in one.words:
            # Another one of these that is called so would be no slip.
            for other in sorted(one.words & called.keys()):
                if called[other][other] and own[other] == 1:
                    yield one, f"{one.host} is called like the upstream {other}"


class _PortHolders:
    """Who has which port: the upstreams, and ``""`` for what is passed on without one, each with the first of its
    hosts.
    """

    def __init__(self, config: Config, upstreams: _Upstreams) -> None:
        self._at: dict[str, dict[str, str]] = {}
        self._holders: dict[tuple[str, str], set[str]] = {}
        for name, members in upstreams.items():
            for each in members:
                self._add(name, each.host, each.port)
        for directive in config.named(*_PASSES):
            match = _PASSED_TO.fullmatch(directive.args[0] if directive.args else "")
            if match:
                self._add("", match[1], match[2])

    def _add(self, name: str, host: str, port: str) -> None:
        self._at.setdefault(port, {}).setdefault(name, host)
        self._holders.setdefault((host, port), set()).add(name)

    def elsewhere(self, port: str, name: str) -> str:
        """Return a host that has the port in another upstream than ``name``; empty where none has."""
        return next((host for other, host in self._at[port].items() if other != name), "")

    def is_shared(self, member: _Member) -> bool:
        """Return whether more than one has this very server."""
        return len(self._holders[member.host, member.port]) > 1


def _of_other_port(name: str, members: Sequence[_Member], ports: _PortHolders) -> Iterator[tuple[_Member, str]]:
    """Yield the member with a port of elsewhere beside a sibling whose port nobody else has, and what shows it."""
    by_sort: dict[str, list[_Member]] = {}
    for each in members:
        by_sort.setdefault(each.sort, []).append(each)
    for _, alike in sorted(by_sort.items()):
        own = {each.port for each in alike if not ports.elsewhere(each.port, name)}
        strange = [each for each in alike if each.port not in own]
        # Several ports of one host are programs beside each other, and a server may be in two upstreams.
        if len(own) == 1 and len(strange) == 1 and len({each.host for each in alike}) == len(alike):
            one = strange[0]
            if not ports.is_shared(one):
                yield one, f"{one.port} is the port of {ports.elsewhere(one.port, name)}"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find members of an upstream that are called like another upstream, or have its port."""
    blocks = {each.args[0].lower(): each for each in config.named("upstream") if each.args}
    upstreams = {name: _members(block) for name, block in blocks.items()}
    ports = _PortHolders(config, upstreams)
    called = {name: Counter(word for each in members for word in each.words) for name, members in upstreams.items()}
    for name, members in upstreams.items():
        for member, what in [*_of_other_name(name, members, called), *_of_other_port(name, members, ports)]:
            beside = next(each.line.args[0] for each in members if each is not member)
            yield finding(
                member.line,
                f"{what}, and {beside} stands beside it",
                expected=f"a server like {beside}",
                fix=f"write the host and the port of a server of {blocks[name].args[0]}",
            )
