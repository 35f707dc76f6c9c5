"""Which lines of a configuration decide over a request: nginx's choice of server and location, told from the text.

This explains a fault to a person and decides nothing: nginx itself has answered by then.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from .facts import listeners, server_names
from .parse import Config, Directive

__all__ = ["Trace", "choose_location", "choose_server", "compiled", "is_named", "trace"]

_MOST_ROUNDS = 10
_FINAL = ("redirect", "permanent")


class Trace(NamedTuple):
    """The way of a request: the directives that it met, in order. The last one is the likeliest to blame."""

    met: list[Directive]

    @property
    def last(self) -> Directive | None:
        """The last directive met."""
        return self.met[-1] if self.met else None


def _name_rank(name: str, host: str) -> int:
    if name == host:
        return 4
    if name.startswith("*.") and host.endswith(name[1:]):
        return 3
    if name.startswith(".") and (host.endswith(name) or host == name[1:]):
        return 3
    if name.endswith(".*") and host.startswith(name[:-1]):
        return 2
    return 1 if name.startswith("~") and _search(name[1:], host) else 0


@functools.lru_cache(maxsize=20_000)
def compiled(pattern: str, ignore_case: bool = False) -> re.Pattern[str] | None:
    """Compile a regex of nginx's for Python; None for what Python does not understand."""
    translated = pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    try:
        return re.compile(translated, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return None


def _search(pattern: str, text: str, ignore_case: bool = False) -> re.Match[str] | None:
    found = compiled(pattern, ignore_case)
    return found.search(text) if found else None


def choose_server(config: Config, host: str, port: int) -> Directive | None:
    """Find the ``server`` block that answers for a host on a port."""
    there = [(server, listen) for server in config.servers() for listen in listeners(server) if listen.port == port]
    ranked = [(max(_name_rank(name, host.lower()) for name in server_names(server)), server) for server, _ in there]
    best = max((rank for rank, _ in ranked), default=0)
    if best:
        return next(server for rank, server in ranked if rank == best)
    return next((server for server, listen in there if listen.default), there[0][0] if there else None)


def is_named(config: Config, host: str, port: int) -> bool:
    """Whether a ``server`` block on a port has a name that fits a host; otherwise the default answers."""
    return any(
        _name_rank(name, host.lower())
        for server in config.servers()
        for name in server_names(server)
        if any(listen.port == port for listen in listeners(server))
    )


def choose_location(block: Directive, path: str) -> Directive | None:
    """Find the ``location`` in a block that answers for a path, as nginx does: exact, longest prefix, first regex."""
    found: Directive | None = None
    longest = -1
    held = False
    for location in block.children("location"):
        kind, pattern = location.args if len(location.args) == 2 else ("", location.args[0])
        if kind == "=" and pattern == path:
            return location
        if kind in ("", "^~") and not pattern.startswith("@") and path.startswith(pattern) and len(pattern) > longest:
            found, longest, held = location, len(pattern), kind == "^~"
    deeper = choose_location(found, path) if found is not None else None
    if held:
        return deeper or found
    for location in block.children("location"):
        kind, pattern = location.args if len(location.args) == 2 else ("", "")
        if kind.startswith("~") and _search(pattern, path, kind == "~*"):
            return choose_location(location, path) or location
    return deeper or found


def _filled(target: str, match: re.Match[str]) -> str:
    """Put a match's groups into a rewrite's target."""
    groups = {str(number): group or "" for number, group in enumerate(match.groups(), 1)}
    return re.sub(r"\$(\d)", lambda found: groups.get(found[1], ""), target)


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


def trace(config: Config, host: str, port: int, path: str) -> Trace:
    """Follow a request's path through server, location and rewrites."""
    met: list[Directive] = []
    server = choose_server(config, host, port)
    if server is None:
        return Trace(met)
    met.append(server)
    for directive, after, flag in _rewritten(server, path):
        met.append(directive)
        path = after
        if flag in (*_FINAL, "return"):
            return Trace(met)
    for _ in range(_MOST_ROUNDS):
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
