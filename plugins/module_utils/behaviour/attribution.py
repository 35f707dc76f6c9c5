"""Which changed lines are behind a changed answer: those of the blocks that answered first, then those around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..config.derive import DerivedRequest
from ..config.match import (
    FINAL,
    Trace,
    choose_location,
    choose_server,
    default_server,
    is_named,
    normalised,
    rewritten,
    trace,
)
from ..config.parse import Config, Directive
from .changes import DirectiveChange

__all__ = ["Attribution", "own_lines", "stays_inside"]

_MOVING = ("server_name", "listen", "server")
# So often a request is handed on, as by rewrites in conditions to a program that is asked last of all.
_MOST_FALLBACKS = 5
_SHARED = ("upstream", "map", "geo", "split_clients")


class Attribution:
    """Tells, for a request, the ways it goes in both configurations and the changes on them."""

    def __init__(self, live: Config, candidate: Config, changed: Sequence[DirectiveChange]) -> None:
        self._configs = (live, candidate)
        self._changed = changed
        self._by_block: dict[int, list[DirectiveChange]] = {}
        for change in changed:
            for part in (*change.blocks, change.old, change.new):
                if part is not None and (part.block is not None):
                    self._by_block.setdefault(id(part), []).append(change)
        self._by_around: dict[int, list[DirectiveChange]] = {}
        for change in changed:
            for block in change.blocks:
                if block is not None:
                    self._by_around.setdefault(id(block), []).append(change)
        self._outer = {
            id(inner): outer
            for config in (live, candidate)
            for outer in config.named("location")
            for inner in outer.children("location")
        }
        self._ways: dict[tuple[bool, str, int, str, str], Trace] = {}
        self._named: dict[tuple[str, int, str], bool] = {}
        self._nearby: dict[tuple[str, int, str, str], list[DirectiveChange]] = {}

    def way(self, request: DerivedRequest, candidate: bool) -> Trace:
        """The directives that a request meets in one of the configurations."""
        key = (candidate, request.host, request.port, request.path, request.connect)
        if key not in self._ways:
            _, host, port, path, address = key
            self._ways[key] = trace(self._configs[candidate], host, port, normalised(path), address)
        return self._ways[key]

    def is_new(self, request: DerivedRequest) -> bool:
        """Return whether only the candidate knows the request's host, so that the default answered before."""
        key = (request.host, request.port, request.connect)
        if key not in self._named:
            live, candidate = self._configs
            self._named[key] = is_named(candidate, *key) and not is_named(live, *key)
        return self._named[key]

    def of(self, request: DerivedRequest, field: str = "") -> list[DirectiveChange]:
        """The changes behind a request's change in a field, the nearest first."""
        if request.speaks in ("tcp", "tls", "udp"):
            return [change for change in self._changed if not _in_http(change)]
        near = self._secured(request) if field.startswith("tls ") else iter(())
        # A request differs in many fields, and many requests ask for one path.
        key = (request.host, request.port, request.path, request.connect)
        if key not in self._nearby:
            self._nearby[key] = list(self._near(request))
        named = [each for each in self._changed if _is_global(each) and _names_header(each, field)]
        return list(dict.fromkeys([*near, *self._nearby[key], *named]))

    def _secured(self, request: DerivedRequest) -> Iterator[DirectiveChange]:
        """What is behind a handshake: lines about TLS of the server, and of the default where it has no certificate."""
        for config in self._configs:
            server = choose_server(config, request.host, request.port, request.connect)
            default = default_server(config, request.port, request.connect)
            for block in (each for each in (server, default) if each is not None):
                yield from (each for each in self._by_around.get(id(block), []) if each.name.startswith("ssl_"))
                if block.children("ssl_certificate"):
                    break

    def _outside(self, block: Directive) -> Iterator[Directive]:
        """The locations that a location stands in, from the inside."""
        outer = self._outer.get(id(block))
        while outer is not None:
            yield outer
            outer = self._outer.get(id(outer))

    def _indexed(self, server: Directive, met: Sequence[Directive], path: str) -> Iterator[Directive]:
        """The locations of the files that a directory's request is handed on to."""
        if not path.endswith("/"):
            return
        http = [each for config in self._configs for each in config.http() if each.name == "index"]
        written = [each for block in met for each in block.children("index")] or http
        for name in dict.fromkeys(word for each in written for word in each.args if "$" not in word):
            found = choose_location(server, name if name.startswith("/") else f"{path}{name}")
            if found is not None and found not in met:
                yield found

    def _near(self, request: DerivedRequest) -> Iterator[DirectiveChange]:
        ways = [self.way(request, candidate) for candidate in (True, False)]
        blocks = [met for way in ways for met in reversed(way.met) if met.block is not None]
        path = normalised(request.path)
        for _ in range(_MOST_FALLBACKS):
            further = {id(each): each for block in blocks for each in _fallbacks(block, blocks, path)}
            if not further:
                break
            blocks += further.values()
        blocks += [outer for block in blocks for outer in self._outside(block)]
        # nginx itself leads to a place with a slash from the same without one.
        blocks += [each for block in blocks if block.name == "server" for each in self._indexed(block, blocks, path)]
        blocks += [each for block in blocks if block.name == "server" for each in _with_slash(block, path)]
        located = [block for block in blocks if block.name == "location"]
        found = False
        for block in [*located, *(block for block in blocks if block.name != "location")]:
            within = [block, *(inner for inner in own_lines(block) if inner.block is not None)]
            for change in (each for one in within for each in self._by_block.get(id(one), [])):
                elsewhere = change.either.name == "location" and not {id(change.old), id(change.new)} & set(
                    map(id, blocks)
                )
                if not elsewhere:
                    found = True
                    yield change
        words = " ".join(word for block in blocks for inner in own_lines(block) for word in inner.args)
        for change in self._changed:
            around = change.blocks[1] or change.blocks[0]
            name = around.args[-1] if around is not None and around.name in _SHARED and around.args else ""
            if name and name in words:
                found = True
                yield change
        if found:
            return
        yield from (change for change in self._changed if _is_global(change))
        yield from (change for change in self._changed if change.name in _MOVING)


def _fallbacks(block: Directive, met: Sequence[Directive], path: str) -> Iterator[Directive]:
    """The locations that a block may hand a request for a path on to."""
    servers = [each for each in met if each.name == "server"]
    for target in filter(None, (_handed_to(inner, path) for inner in own_lines(block))):
        for server in servers:
            named = [each for each in server.children("location") if each.args == [target]]
            found = choose_location(server, target) if target.startswith("/") else next(iter(named), None)
            if found is not None and found not in met:
                yield found


def _handed_to(line: Directive, path: str) -> str:
    """Return the path, or the name with an ``@``, that a line may hand a request on to; nothing where it does not."""
    if line.name in ("try_files", "error_page") and line.args:
        target = line.args[-1].split("?")[0].split("$")[0]
        return target if target.startswith(("/", "@")) else ""
    if line.name == "rewrite" and len(line.args) > 1 and not {*line.args[2:]} & {*FINAL}:
        after = rewritten(line, path)
        return after if after.startswith("/") and after != path else ""
    return ""


def _with_slash(server: Directive, path: str) -> Iterator[Directive]:
    found = None if path.endswith("/") else choose_location(server, f"{path}/")
    if found is not None and found.args[-1] == f"{path}/":
        yield found


def own_lines(block: Directive) -> Iterator[Directive]:
    """Yield what is said in a block outside its locations."""
    for inner in block.block or []:
        if inner.name != "location":
            yield from inner.walk()


def _names_header(change: DirectiveChange, field: str) -> bool:
    """Return whether a line sets the very header that a field is about, for the side that it is about."""
    part, _, name = field.rpartition(" ")
    if not part.endswith("header") or not change.either.args:
        return False
    of_side = change.name == "add_header" if part == "header" else change.name.endswith("_set_header")
    return of_side and change.either.args[0].lower() == name


def stays_inside(change: DirectiveChange) -> bool:
    """Return whether a change concerns the servers of http that it stands in, or that name its block, and no others."""
    around = change.blocks[1] or change.blocks[0]
    if around is None or around.name == "http":
        return around is not None and change.either.name in _SHARED
    return around.name in (*_SHARED, "server", "location", "if", "limit_except")


def _in_http(change: DirectiveChange) -> bool:
    around = change.blocks[1] or change.blocks[0]
    return around is not None and around.name in ("http", "location")


def _is_global(change: DirectiveChange) -> bool:
    around = change.blocks[1] or change.blocks[0]
    return (around is None or around.name in ("http", "events")) and change.either.name != "server"
