"""Which servers a change can reach: those that say something else, or that speak of what is defined otherwise."""

from __future__ import annotations

import weakref

from ..config.facts import listeners, server_names
from ..config.parse import Config, Directive
from ..config.selection import EVERY_SERVER, MOST_IN_FULL, Selection, spread
from ..verdicts.model import Subject
from .decisions import canonical
from .sides import ConfigSide, variables

__all__ = ["select", "servers_asked", "signature"]

_OWN_NAME = "server_name"
_KNOWN: weakref.WeakKeyDictionary[Config, dict[tuple[Config | None, int, int], Selection]] = weakref.WeakKeyDictionary()


def signature(side: ConfigSide, server: Directive) -> int:
    """Return what a server says, without its names and listeners, with the definitions that both sides have otherwise.

    Equal for two servers that do the same where what stands around them is the same.
    """
    said = [each for each in server.block or [] if each.name not in ("listen", "server_name")]
    own = Directive("server", [], "", 0, said)
    named = any(_OWN_NAME in variables(word) for each in own.walk() for word in each.args if "$" in word)
    return hash((canonical(own), server_names(server)[0] if named else "", repr(side.uses(own))))


def servers_asked(subject: Subject) -> Selection:
    """Return which servers of a release are asked; a live release that does not start has proved none of them."""
    _, config = subject.examined
    live = subject.live if subject.live is not None and not subject.live_fault else None
    return select(live.config if live else None, config, subject.options.sample, subject.seed)


def select(live: Config | None, candidate: Config, sample: int, seed: int) -> Selection:
    """Choose the servers that are asked: at most 1,000 that the change can reach, and ``sample`` of the others.

    Every server of a configuration with no more than that, and where ``sample`` is 0. Where nothing is live, the change
    reaches all. ``seed`` is a number of the release: the next one has another sample.
    """
    if not sample or len(candidate.servers()) <= sample:
        return EVERY_SERVER
    known = _KNOWN.setdefault(candidate, {})
    if (live, sample, seed) not in known:
        known[live, sample, seed] = _selected(live, candidate, sample, seed)
    return known[live, sample, seed]


def _selected(live: Config | None, candidate: Config, sample: int, seed: int) -> Selection:
    servers = list(candidate.servers())
    reached, twins = servers, dict[int, Directive]()
    gone: list[Directive] = []
    if live is not None:
        reached, gone, twins = _compared(live, candidate)
    others = [server for server in servers if id(server) in twins]
    if len(reached) <= MOST_IN_FULL and len(others) <= sample:
        return EVERY_SERVER
    full, sampled = spread(reached, MOST_IN_FULL, seed), spread(others, sample, seed)
    beside = spread(gone, MOST_IN_FULL, seed)
    return Selection(
        in_full=frozenset(map(id, [*full, *beside])),
        sampled=frozenset(id(each) for server in sampled for each in (server, twins[id(server)])),
        asked_in_full=len(full),
        asked_by_sample=len(sampled),
        reached=len(reached),
        total=len(servers),
        is_partial=True,
    )


def _compared(live: Config, candidate: Config) -> tuple[list[Directive], list[Directive], dict[int, Directive]]:
    """Return the servers that are reached, those of live that are not as they were, and for each other one live's."""
    sides = ConfigSide("live", live), ConfigSide("the candidate", candidate)
    ConfigSide.compare(*sides)
    if sides[0].base() != sides[1].base():
        return list(candidate.servers()), list(live.servers()), {}
    before: dict[object, list[Directive]] = {}
    for server in live.servers():
        before.setdefault(_key(sides[0], server), []).append(server)
    reached: list[Directive] = []
    twins: dict[int, Directive] = {}
    for server in candidate.servers():
        same = before.get(_key(sides[1], server))
        if same:
            twins[id(server)] = same.pop(0)
        else:
            reached.append(server)
    return reached, [server for left in before.values() for server in left], twins


def _key(side: ConfigSide, server: Directive) -> object:
    listens = tuple(sorted((each.args for each in server.children("listen")), key=repr))
    return tuple(server_names(server)), repr(listens), tuple(listeners(server)), signature(side, server)
