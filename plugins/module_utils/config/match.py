"""Which lines of a configuration decide over a request: nginx's choice of server and location, told from the text.

This explains a fault to a person and decides nothing: nginx itself has answered by then.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from .facts import listeners, server_names
from .parse import Config, Directive
from .regexes import compiled

__all__ = [
    "FINAL",
    "Port",
    "Trace",
    "chain_to",
    "choose_location",
    "choose_server",
    "default_server",
    "is_named",
    "normalised",
    "rewritten",
    "trace",
]

_MOST_ROUNDS = 10
_SLASHES = re.compile("/+")
FINAL = ("redirect", "permanent")
"""The flags of a rewrite that answer by a redirect."""


class Trace(NamedTuple):
    """The way of a request: the directives that it met, in order. The last one is the likeliest cause."""

    met: list[Directive]

    @property
    def last(self) -> Directive | None:
        """The last directive met."""
        return self.met[-1] if self.met else None


def _search(pattern: str, text: str, ignore_case: bool = False) -> re.Match[str] | None:
    found = compiled(pattern, ignore_case)
    return found.search(text) if found else None


class Port:
    """The servers that listen on a port, by their names: what of thousands answers for a host is looked up."""

    def __init__(self) -> None:
        self._added: set[int] = set()
        self.default: Directive | None = None
        self._exact: dict[str, Directive] = {}
        self._ends: dict[str, Directive] = {}
        self._itself: dict[str, Directive] = {}
        self._begins: dict[str, Directive] = {}
        self._regexes: list[tuple[str, Directive]] = []
        self.first: Directive | None = None

    def add(self, server: Directive, *, default: bool) -> None:
        """Add a server; they come in the order of the configuration, and the first that has a name keeps it."""
        self.first = self.first or server
        if default and self.default is None:
            self.default = server
        if id(server) in self._added:
            return
        self._added.add(id(server))
        for written in server_names(server):
            if written.startswith("~"):
                self._regexes.append((written[1:], server))
                continue
            name = written.lower()
            self._exact.setdefault(name, server)
            if name.startswith(("*.", ".")):
                self._ends.setdefault(name.removeprefix("*"), server)
            if name.startswith("."):
                self._itself.setdefault(name[1:], server)
            if name.endswith(".*"):
                self._begins.setdefault(name[:-1], server)

    def named(self, host: str) -> Directive | None:
        """Find the server with a name that fits a host in lower case, as nginx does.

        The exact name comes first, then the longest ``*.name``, the longest ``name.*``, and the first regex.
        """
        if host in self._exact:
            return self._exact[host]
        dots = [at for at, letter in enumerate(host) if letter == "."]
        ends = [self._itself.get(host), *(self._ends.get(host[at:]) for at in dots)]
        begins = [self._begins.get(host[: at + 1]) for at in reversed(dots)]
        fitting = next((server for server in (*ends, *begins) if server is not None), None)
        if fitting is not None:
            return fitting
        return next((server for pattern, server in self._regexes if _search(pattern, host, True)), None)


# What is looked up is kept as long as the configuration is.
_PORTS: weakref.WeakKeyDictionary[Config, dict[tuple[str, int], Port]] = weakref.WeakKeyDictionary()
_EVERYWHERE = {"*": "*", "0.0.0.0": "*", "[::]": "[::]"}


def _port(config: Config, port: int, address: str = "") -> Port:
    """Return the servers on a port: of an address that is listened at, only those there, as nginx has it."""
    ports = _PORTS.get(config)
    if ports is None:
        ports = {}
        for server in config.servers():
            for listen in listeners(server):
                where = _EVERYWHERE.get(listen.address, listen.address)
                for place in ("", where):
                    ports.setdefault((place, listen.port), Port()).add(server, default=listen.default)
        _PORTS[config] = ports
    everywhere = "[::]" if address.startswith("[") else "*"
    asked = ((address, port), (everywhere, port), ("", port)) if address else (("", port),)
    return next((ports[place] for place in asked if place in ports), Port())


def choose_server(config: Config, host: str, port: int, address: str = "") -> Directive | None:
    """Find the ``server`` block that answers for a host on a port, at an address where one is known."""
    there = _port(config, port, address)
    return there.named(host.lower()) or there.default or there.first


def default_server(config: Config, port: int, address: str = "") -> Directive | None:
    """Find the ``server`` block that answers where no name fits, and whose certificate those without one have."""
    there = _port(config, port, address)
    return there.default or there.first


def is_named(config: Config, host: str, port: int, address: str = "") -> bool:
    """Return whether a ``server`` block on a port has a name that fits a host; otherwise the default answers."""
    return _port(config, port, address).named(host.lower()) is not None


class _Locations:
    """The locations of a block, by what they answer for."""

    def __init__(self, block: Directive) -> None:
        self.exact: dict[str, Directive] = {}
        self.prefixes: dict[str, tuple[Directive, bool]] = {}
        self.regexes: list[tuple[str, bool, Directive]] = []
        for location in block.children("location"):
            kind, pattern = location.args if len(location.args) == 2 else ("", location.args[0])
            if kind == "=":
                self.exact.setdefault(pattern, location)
            elif kind.startswith("~"):
                self.regexes.append((pattern, kind == "~*", location))
            elif kind in ("", "^~") and not pattern.startswith("@"):
                self.prefixes.setdefault(pattern, (location, kind == "^~"))
        self._lengths = sorted({len(pattern) for pattern in self.prefixes}, reverse=True)

    def longest(self, path: str) -> tuple[Directive | None, bool]:
        """Find the location with the longest prefix, and whether it keeps regexes from being asked."""
        for length in self._lengths:
            found = self.prefixes.get(path[:length]) if length <= len(path) else None
            if found is not None:
                return found
        return None, False


def choose_location(block: Directive, path: str) -> Directive | None:
    """Find the ``location`` in a block that answers for a path, as nginx does: exact, longest prefix, first regex."""
    return _chosen(block, path)[0]


def chain_to(server: Directive, location: Directive) -> list[Directive]:
    """Return the locations around a location, and it, the outermost first."""

    def search(block: Directive) -> list[Directive]:
        for each in block.children("location"):
            if each is location:
                return [each]
            below = search(each)
            if below:
                return [each, *below]
        return []

    return search(server)


def _chosen(block: Directive, path: str) -> tuple[Directive | None, bool]:
    """Return the location, and whether no regex around the block is asked any more: one within it fits, or a word."""
    if block.found is None:
        block.found = _Locations(block)
    locations: _Locations = block.found
    if path in locations.exact:
        return locations.exact[path], True
    found, held = locations.longest(path)
    deeper, ended = _chosen(found, path) if found is not None else (None, False)
    if ended:
        return deeper, True
    if not held:
        for pattern, loose, location in locations.regexes:
            if _search(pattern, path, loose):
                return choose_location(location, path) or location, True
    return deeper or found, False


def _led_to(block: Directive, path: str) -> Directive | None:
    """Return the ``location PATH/`` that passes on: nginx itself redirects PATH to it, before it asks any regex."""
    if block.found is None:
        block.found = _Locations(block)
    locations: _Locations = block.found
    if path in locations.exact:
        return None
    found, _ = locations.prefixes.get(f"{path}/", (None, False))
    if found is not None and any(each.name.endswith("_pass") for each in found.block or []):
        return None if path in locations.prefixes else found
    around, _ = locations.longest(path)
    return _led_to(around, path) if around is not None else None


def _filled(target: str, match: re.Match[str]) -> str:
    """Put a match's groups into a rewrite's target."""
    groups = {str(number): group or "" for number, group in enumerate(match.groups(), 1)}
    return re.sub(r"\$(\d)", lambda found: groups.get(found[1], ""), target)


def rewritten(line: Directive, path: str) -> str:
    """Return the path that a ``rewrite`` makes of another one, without arguments; empty where it does not fit."""
    match = _search(line.args[0], path)
    return _filled(line.args[1], match).split("?")[0] if match else ""


def _rewritten(block: Directive, path: str) -> Iterator[tuple[Directive, str, str]]:
    """Yield each directive of the rewrite module that path meets, with the path after it and its flag."""
    for directive in block.block or []:
        if directive.name == "return":
            yield directive, path, "return"
            return
        if directive.name == "rewrite" and len(directive.args) >= 2:
            match = _search(directive.args[0], path)
            if match:
                flag = directive.args[2] if len(directive.args) > 2 else ""
                path = _filled(directive.args[1], match).split("?")[0]
                yield directive, path, flag
                if flag:
                    return


def normalised(path: str) -> str:
    """Return the path of a request as locations see it: decoded, without dot segments and doubled slashes."""
    plain = _SLASHES.sub("/", unquote(path))
    parts: list[str] = []
    for part in plain.split("/")[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    ends = plain.endswith(("/", "/.", "/.."))
    return "/" + "/".join([*(each for each in parts if each), *([""] if ends and any(parts) else [])])


def trace(config: Config, host: str, port: int, path: str, address: str = "") -> Trace:
    """Follow a request's path through server, location and rewrites."""
    met: list[Directive] = []
    server = choose_server(config, host, port, address)
    if server is None:
        return Trace(met)
    met.append(server)
    for directive, after, flag in _rewritten(server, path):
        met.append(directive)
        path = after
        if flag in (*FINAL, "return"):
            return Trace(met)
    for _ in range(_MOST_ROUNDS):
        folder = _led_to(server, path)
        if folder is not None:
            return Trace([*met, *([] if folder in met else [folder])])
        location = choose_location(server, path)
        if location is None:
            return Trace(met)
        if location not in met:
            met.append(location)
        steps = list(_rewritten(location, path))
        met += [directive for directive, _, _ in steps if directive not in met]
        if not steps or steps[-1][2] not in ("", "last") or steps[-1][1] == path:
            break
        path = steps[-1][1]
    return Trace(met)
