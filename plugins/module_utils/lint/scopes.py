"""Blocks as nginx sees them: what is in force in each, and which block is which in two releases."""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..config.facts import listeners, server_names
from ..config.parse import Config, Directive

__all__ = ["BlockScope", "Key", "altered", "blocks", "by_key", "location_kind", "place_of", "scopes"]

# What identifies a block in a release, whatever its place in the files.
Key = tuple[str, ...]

_TLS_PORTS = (443, 465, 636, 853, 993, 995, 8443)


@dataclass(frozen=True)
class BlockScope:
    """One block; ``block`` is None for the top of the configuration. ``own`` are its directives by name.

    ``marks`` are a digest of what is in force within it, and one of what is written in it and in force around it.
    """

    block: Directive | None
    outer: BlockScope | None
    key: Key
    own: Mapping[str, Sequence[Directive]]
    marks: tuple[int, int]

    @property
    def kind(self) -> str:
        """The block's name, as ``server``; empty at the top."""
        return self.block.name if self.block else ""

    @property
    def text(self) -> str:
        """The block for a person, as ``location /api/``."""
        return self.block.text if self.block else "the main context"

    @property
    def answers(self) -> bool:
        """Return whether a request can end here, so that what is in force here matters, and not only in blocks
        within.
        """
        if self.kind == "server":
            return all(location_kind(each) != ("", "/") for each in self.own.get("location", ()))
        return self.kind in ("location", "upstream")

    def effective(self, name: str) -> Sequence[Directive]:
        """Return the directives ``name`` that are in force here: its own, or those of the nearest outer block."""
        scope: BlockScope | None = self
        while scope is not None:
            if name in scope.own:
                return scope.own[name]
            scope = scope.outer
        return ()

    def value(self, name: str, default: str = "") -> str:
        """Return the first argument of the directive that is in force here."""
        for directive in self.effective(name):
            return directive.args[0] if directive.args else ""
        return default

    def passes_on(self, protocol: str) -> bool:
        """Return whether requests go on to an upstream from here by a protocol, as ``proxy``."""
        return f"{protocol}_pass" in self._within

    @functools.cached_property
    def _within(self) -> frozenset[str]:
        """The names of the directives of the block; in a location without those of locations within it."""
        if self.block is None or self.kind != "location":
            return frozenset(each.name for each in (self.block.walk() if self.block else ()))
        inner = [each for name in ("if", "limit_except") for each in self.own.get(name, ())]
        return frozenset([*self.own, *(each.name for block in inner for each in block.block or [])])

    def around(self, kind: str) -> BlockScope | None:
        """Return the nearest block of a kind, this one included."""
        scope: BlockScope | None = self
        while scope is not None and scope.kind != kind:
            scope = scope.outer
        return scope


def location_kind(location: Directive) -> tuple[str, str]:
    """Return the modifier of a location (empty for a plain prefix) and its path or pattern."""
    if len(location.args) >= 2:
        return location.args[0], location.args[1]
    return "", location.args[0] if location.args else ""


def _name(block: Directive) -> str:
    if block.name != "server" or block.args:
        return " ".join([block.name, *block.args])
    listens = listeners(block)
    names = sorted(set(server_names(block)))
    where = names if any(names) else sorted({str(each.port) for each in listens})
    # Most names have two servers; the one for TLS stays that one when it loses the word "ssl".
    tls = any(each.tls or each.port in _TLS_PORTS for each in listens)
    return " ".join(["server", *where, "tls" if tls else "plain"])


def _inner(directives: Sequence[Directive], scope: BlockScope) -> Iterator[BlockScope]:
    seen: Counter[str] = Counter()
    for directive in directives:
        if directive.block is None:
            continue
        name = _name(directive)
        seen[name] += 1
        # The same block twice: the second has a number.
        key = (*scope.key, name if seen[name] == 1 else f"{name} #{seen[name]}")
        inner = BlockScope(directive, scope, key, _by_name(directive.block), _marks(directive.block, scope.marks[0]))
        yield inner
        yield from _inner(directive.block, inner)


def _by_name(directives: Sequence[Directive]) -> dict[str, list[Directive]]:
    own: dict[str, list[Directive]] = {}
    for directive in directives:
        own.setdefault(directive.name, []).append(directive)
    return own


def _marks(directives: Sequence[Directive], around: int) -> tuple[int, int]:
    written = [(each.name, tuple(each.args)) for each in directives]
    # A server more in ``http`` is nothing that the others take over.
    inherited = [
        row for row, each in zip(written, directives, strict=True) if each.block is None or each.name == "limit_except"
    ]
    return hash((around, tuple(inherited))), hash((around, tuple(written)))


# Every rule asks for the blocks, and those of a configuration stay the same.
_SCOPES: weakref.WeakKeyDictionary[Config, list[BlockScope]] = weakref.WeakKeyDictionary()
_BY_KEY: weakref.WeakKeyDictionary[Config, dict[Config | None, dict[Key, BlockScope]]] = weakref.WeakKeyDictionary()


def scopes(config: Config) -> Sequence[BlockScope]:
    """Return the top of the configuration and then every block, in order."""
    found = _SCOPES.get(config)
    if found is None:
        top = BlockScope(None, None, (), _by_name(config.directives), _marks(config.directives, 0))
        found = _SCOPES[config] = [top, *_inner(config.directives, top)]
    return found


def blocks(config: Config, *kinds: str) -> Iterator[tuple[BlockScope, Directive]]:
    """Yield the blocks of some kinds, as ``location``, with what is in force in them."""
    for scope in scopes(config):
        if scope.block is not None and scope.kind in kinds:
            yield scope, scope.block


def place_of(scope: BlockScope, config: Config) -> Directive:
    """Return the directive that stands for a block in a finding; for the main context, the first file has none."""
    return scope.block or Directive("", [], config.files[0], 0)


def by_key(config: Config, like: Config | None = None) -> Mapping[Key, BlockScope]:
    """Map each block's key to it, to find the same block in another release.

    With ``like``, the other release, a server that got or lost some of its names has the key of the one that it was.
    """
    known = _BY_KEY.setdefault(config, {})
    if like not in known:
        found = {scope.key: scope for scope in scopes(config)}
        formerly = _formerly(found, by_key(like)) if like is not None else {}
        known[like] = {_renamed(key, formerly): scope for key, scope in found.items()} if formerly else found
    return known[like]


def altered(config: Config, live: Config) -> list[tuple[BlockScope, BlockScope]]:
    """Return the blocks that are in both releases, as they were and as they are, where what is written in them, or in
    force around them, is not the same. Of the others there is nothing to say against live.
    """
    before = by_key(live)
    pairs = ((before[key], now) for key, now in by_key(config, live).items() if key in before)
    return [(was, now) for was, now in pairs if was.marks[1] != now.marks[1]]


def _formerly(found: Mapping[Key, BlockScope], like: Mapping[Key, BlockScope]) -> dict[Key, Key]:
    """Map the keys of servers that only one release has to that of the other's server with the most names in common."""
    formerly: dict[Key, Key] = {}
    gone: dict[str, list[Key]] = {}
    for key, scope in like.items():
        for name in _names(scope) if key not in found else ():
            gone.setdefault(name, []).append(key)
    taken: set[Key] = set()
    for key, scope in found.items():
        if key in like:
            continue
        shared = Counter(old for name in _names(scope) for old in gone.get(name, ()) if old[:-1] == key[:-1])
        best = next((old for old, _ in shared.most_common() if old not in taken), None)
        if best is not None:
            formerly[key] = best
            taken.add(best)
    return formerly


def _names(scope: BlockScope) -> frozenset[str]:
    """The names of a server, each with whether it is there for TLS."""
    block = scope.block if scope.kind == "server" else None
    tls = "" if block is None else scope.key[-1].split(" #")[0].rpartition(" ")[2]
    return frozenset(f"{name} {tls}" for name in server_names(block) if name) if block else frozenset()


def _renamed(key: Key, formerly: Mapping[Key, Key]) -> Key:
    for depth in range(len(key), 0, -1):
        if key[:depth] in formerly:
            return (*formerly[key[:depth]], *key[depth:])
    return key
