"""What one of the two configurations defines for all of its servers: maps, upstreams, and settings with inheritance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..behaviour.units import normal
from ..config.parse import Config, Directive
from .decisions import INHERITED, Settings, canonical

__all__ = ["PASSES", "SAID_ANYWAY", "ConfigSide", "variables"]

PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
_DEFINING = ("map", "geo", "split_clients", "js_set", "perl_set", "set_by_lua_block")
_NO_SETTING = {
    *("location", "server", "if", "return", "rewrite", "set", "break", "listen", "server_name", "internal"),
    *("map", "geo", "split_clients", "upstream", "try_files", "rewrite_log", "include", "types_hash_max_size"),
    *PASSES,
}
SAID_ANYWAY = ("root", "alias")
"""Settings that are part of what is done, as where files are served from."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_Value = tuple[tuple[str, ...], ...]


def variables(text: str) -> list[str]:
    """List the variables in a text."""
    return [braced or plain for braced, plain in _VARIABLE.findall(text)]


class ConfigSide:
    """One configuration. ``others`` are the definitions that the other configuration has otherwise, by name."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.config = config
        self.definitions: dict[str, Directive] = {}
        self.upstreams: dict[str, Directive] = {}
        for block in config.http():
            if block.name == "upstream" and block.args:
                self.upstreams.setdefault(block.args[0], block)
            elif block.name in _DEFINING and block.args:
                self.definitions[block.args[-1 if block.block is not None else 0].lstrip("$")] = block
        self.others: set[str] = set()
        self._written: dict[int, tuple[Directive, dict[str, _Value]]] = {}
        # How evened out settings are written.
        self._spelled: dict[tuple[str, tuple[str, ...]], str] = {}

    def base(self) -> dict[str, _Value]:
        """Return the settings of ``http``."""
        return self._own(list(self.config.http()))

    def settings(self, base: Mapping[str, _Value], blocks: Iterable[Directive]) -> dict[str, _Value]:
        """Return what is in force in blocks, the outermost first, around which ``base`` is."""
        found = dict(base)
        for block in blocks:
            if id(block) not in self._written:
                self._written[id(block)] = block, self._own(block.block or [])
            found.update(self._written[id(block)][1])
        return found

    def _own(self, block: Iterable[Directive]) -> dict[str, _Value]:
        found: dict[str, list[tuple[str, ...]]] = {}
        for each in block:
            if each.name not in _NO_SETTING:
                args = _written(each)
                self._spelled.setdefault((each.name, args), each.text)
                found.setdefault(each.name, []).append(args)
        return {name: tuple(rows) for name, rows in found.items()}

    def spelled(self, name: str, value: _Value) -> str:
        """Return a setting as the configuration writes it."""
        if value == INHERITED:
            return f"{name} as around it"
        return "; ".join(self._spelled.get((name, args), " ".join([name, *args])) for args in value) or f"no {name}"

    def relative(self, found: Mapping[str, _Value], differing: Mapping[str, tuple[_Value, _Value]]) -> Settings:
        """Return settings, where those that differ around the whole server and are as there are only called so."""
        rows = []
        for name, value in found.items():
            if name in SAID_ANYWAY or (name in differing and value in differing[name]):
                continue
            rows.append((name, tuple(tuple(self.marked(word) for word in args) for args in value)))
        rows += [(name, INHERITED) for name, values in differing.items() if found.get(name, ()) in values]
        return frozenset(rows)

    def marked(self, text: str) -> str:
        """Return a text in which variables that the two configurations define otherwise say whose they are."""
        if not self.others or "$" not in text:
            return text
        return _VARIABLE.sub(lambda found: self.variable(found[1] or found[2]), text)

    def variable(self, name: str) -> str:
        """Return a variable whose value is not known here, as text."""
        return f"${name} of {self.name}" if name in self.others else f"${name}"

    def uses(self, block: Directive) -> list[object]:
        """Return the definitions that the other configuration has otherwise and that a block speaks of."""
        if not self.others:
            return []
        words = {word for each in block.walk() for word in each.args if "$" in word or each.name in PASSES}
        names = {name for word in words for name in variables(word)}
        names |= {host for word in words for host in re.findall(r"[\w.-]+", word)}
        kept = sorted(names & self.others)
        return [(name, self.canonical(name)) for name in kept]

    def canonical(self, name: str) -> object:
        """Return what a definition says."""
        block = self.definitions.get(name) or self.upstreams.get(name)
        return None if block is None else canonical(block)

    def derived(self, names: Iterable[str]) -> set[str]:
        """Return the names of definitions that look at one of some variables, or at a definition that does."""
        users: dict[str, list[str]] = {}
        for name, block in self.definitions.items():
            for used in variables(block.args[0]):
                users.setdefault(used, []).append(name)
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for name in users.get(waiting.pop(), ()):
                if name not in found:
                    found.add(name)
                    waiting.append(name)
        return found

    def names(self) -> set[str]:
        """Return the names of all definitions."""
        return {*self.definitions, *self.upstreams}

    @staticmethod
    def compare(live: ConfigSide, candidate: ConfigSide) -> None:
        """Find the definitions that differ, also by those that they are made of."""
        names = live.names() | candidate.names()
        others = {name for name in names if live.canonical(name) != candidate.canonical(name)}
        users: dict[str, set[str]] = {}
        for side in (live, candidate):
            for name, block in side.definitions.items():
                for each in block.walk():
                    for used in (used for word in (each.name, *each.args) for used in variables(word)):
                        if used != name:
                            users.setdefault(used, set()).add(name)
        waiting = list(others)
        while waiting:
            for name in users.get(waiting.pop(), set()) - others:
                others.add(name)
                waiting.append(name)
        live.others = candidate.others = others


def _written(directive: Directive) -> tuple[str, ...]:
    if directive.block is None:
        return normal(directive.name, directive.args)
    inner: Sequence[Directive] = directive.block
    return (*directive.args, "{", *sorted(" ".join([each.name, *each.args]) for each in inner), "}")
