"""A directive with the blocks around it, and what it takes over from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from ...config.parse import CONF_ROOT, Config, Directive
from ...platforms.catalog import usual
from ..model import Kind, Need

__all__ = ["Scoped", "Scopes", "beside_configuration"]


class Scoped(NamedTuple):
    """A directive, and the blocks around it from the outermost to the one that holds it."""

    directive: Directive
    way: tuple[Directive, ...]

    @property
    def context(self) -> str:
        """The outermost block's name: ``http``, ``stream``, ``mail``, ``rtmp``, or empty."""
        return self.way[0].name if self.way else ""

    def need(self, kind: Kind, value: str, purpose: str = "", names: tuple[str, ...] = (), beside: str = "") -> Need:
        """A need of this directive."""
        at = self.directive
        return Need(kind, value, purpose, at.name, at.file, at.line, names, beside)


class Scopes:
    """All directives of a configuration, each with its blocks; finds what a block inherits."""

    def __init__(self, config: Config) -> None:
        self.config = config
        # Paths that are not of configuration files are relative to it.
        self._prefix = config.prefix or usual().prefix
        self._blocks: dict[int, dict[str, list[Directive]]] = {}
        self.all = [scoped for directive in config.directives for scoped in _walk(directive, ())]
        self._named: dict[str, list[Scoped]] = {}
        for scoped in self.all:
            self._named.setdefault(scoped.directive.name, []).append(scoped)

    def named(self, *names: str) -> list[Scoped]:
        """List the directives with one of these names, in order of the names and then of the lines."""
        return [scoped for name in names for scoped in self._named.get(name, [])]

    def below_prefix(self, path: str) -> str:
        """Return the absolute path of a file that nginx looks for below its prefix."""
        return str(PurePosixPath(self._prefix, path))

    def directly(self, block: Directive, name: str) -> list[Directive]:
        """List the directives called ``name`` directly in a block, quickly for large ones."""
        found = self._blocks.get(id(block))
        if found is None:
            found = {}
            for child in block.block or []:
                found.setdefault(child.name, []).append(child)
            self._blocks[id(block)] = found
        return found.get(name, [])

    def inherited(self, name: str, way: tuple[Directive, ...]) -> list[Directive]:
        """List the directives called ``name`` in the innermost block of ``way`` that has any."""
        for block in reversed(way):
            found = self.directly(block, name)
            if found:
                return found
        return []

    def value(self, name: str, way: tuple[Directive, ...], default: str) -> str:
        """Return the first argument of the directive that holds here."""
        found = self.inherited(name, way)
        return found[0].args[0] if found and found[0].args else default


def _walk(directive: Directive, way: tuple[Directive, ...]) -> Iterator[Scoped]:
    yield Scoped(directive, way)
    if directive.block:
        inner = (*way, directive)
        for child in directive.block:
            yield from _walk(child, inner)


def beside_configuration(path: str) -> str:
    """The absolute path of a file that nginx looks for beside its configuration."""
    return str(PurePosixPath(CONF_ROOT, path))
