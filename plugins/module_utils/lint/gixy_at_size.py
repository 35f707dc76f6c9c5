"""gixy, made to look up what it would go through a whole configuration for: so thousands of servers take it seconds.

For each directive of a server it looks for others among all children of ``http``; for the file of an include among all
files; and for what a map's variable may contain among all lines of the map, each time that somebody uses it. Its time
would grow with the square of the servers. Here the same questions get the same answers, out of tables.
"""

from __future__ import annotations

import copy
import glob
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..packages import gixy

__all__ = ["at_size"]

_LONGEST_HOST = 4096


@contextmanager
def at_size() -> Iterator[None]:
    """Let gixy look things up while this lasts. gixy itself is changed, so one audit at a time may do it."""
    block, variable = gixy.directives.block.Block, gixy.core.variable.Variable
    parser = gixy.parser.nginx_parser.NginxParser
    blocks, values = _Blocks(), _Values()
    resolving = gixy.plugins.missing_resolver.missing_resolver
    instead = [
        (block, "find", lambda self, name, flat=False: blocks.find(self, name, flat=flat)),
        (block, "some", lambda self, name, flat=True: blocks.some(self, name, flat=flat)),
        (variable, "can_contain", values.of(variable.can_contain)),
        (variable, "can_startswith", values.of(variable.can_startswith)),
        (variable, "must_contain", values.of(variable.must_contain, is_alike=False)),
        (variable, "must_startswith", values.of(variable.must_startswith, is_alike=False)),
        (resolving, "_check_upstream", blocks.of_upstream(resolving._check_upstream)),
        (resolving, "_literal_value", _once(resolving._literal_value)),
        (parser, "_prepare_dump", _with_files(parser._prepare_dump)),
        (parser, "_resolve_dump_include", _of_file(parser._resolve_dump_include)),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in instead]
    try:
        _set(instead)
        yield
    finally:
        _set(before)


def _set(methods: Iterable[tuple[Any, str, Callable[..., Any]]]) -> None:
    for owner, name, method in methods:
        setattr(owner, name, method)


class _Scope(NamedTuple):
    """In place of a directive that looks for an upstream around it: it sees those of one name."""

    directive: Any
    name: str
    blocks: _Blocks

    def find_imperative_directives_in_scope(self, kind: str, ancestors: bool = True) -> Iterator[Any]:
        """Yield the blocks of a kind that have the name, the nearest first."""
        for parent in self.directive.parents:
            yield from self.blocks.called(parent, kind, self.name)
            if not ancestors:
                break


class _Children:
    """The children of a block by their names, and those that are looked into as if their children were its own."""

    def __init__(self, children: list[Any]) -> None:
        self.count = len(children)
        self.named: dict[str, list[tuple[int, Any]]] = {}
        self.open: list[tuple[int, Any]] = []
        # By name and argument, where there is one.
        self.called: dict[tuple[str, str], list[Any]] = {}
        for number, child in enumerate(children):
            self.named.setdefault(child.name, []).append((number, child))
            if child.is_block and len(child.args or ()) == 1:
                self.called.setdefault((child.name, child.args[0]), []).append(child)
            if child.is_block and not child.self_context:
                self.open.append((number, child))


class _Blocks:
    """The blocks that were asked for children; each is looked at anew where it got more of them."""

    def __init__(self) -> None:
        # With the block, so that no other one gets its identity.
        self._known: dict[int, tuple[Any, _Children]] = {}

    def _children(self, block: Any) -> _Children:
        _, known = self._known.get(id(block), (None, None))
        if known is None or known.count != len(block.children):
            known = _Children(block.children)
            self._known[id(block)] = block, known
        return known

    def find(self, block: Any, name: str, *, flat: bool) -> list[Any]:
        """Return all children with a name, as ``Block.find`` does."""
        known = self._children(block)
        own = known.named.get(name, [])
        if not flat or not known.open:
            return [child for _, child in own]
        inner = [(number, each) for number, child in known.open for each in child.find(name)]
        return [child for _, child in sorted([*own, *inner], key=lambda row: row[0])]

    def called(self, block: Any, name: str, argument: str) -> list[Any]:
        """Return the blocks in a block that have a name and one argument."""
        return self._children(block).called.get((name, argument), [])

    def of_upstream(self, check: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that looks at what an upstream has, which sees no other upstream."""
        return lambda plugin, directive, host: check(plugin, _Scope(directive, host, self), host)

    def some(self, block: Any, name: str, *, flat: bool) -> Any:
        """Return the first child with a name, as ``Block.some`` does."""
        known = self._children(block)
        first, own = next(iter(known.named.get(name, [])), (known.count, None))
        for number, child in known.open if flat else ():
            if number >= first:
                break
            found = child.some(name, flat=flat)
            if found:
                return found
        return own


class _Values:
    """Variables of maps, each with a likeness that has no lines without a variable: those say nothing of a visitor."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}

    def of(self, method: Callable[..., Any], *, is_alike: bool = True) -> Callable[..., Any]:
        """Return a method of ``Variable`` that is asked of the likeness, and of each for each letter once.

        Variables that are made of others twice, and these as well, would be asked without an end. What a variable may
        be does not depend on who asks for it: one in a circle may be anything, wherever the circle is entered.
        """
        answers: dict[tuple[int, Any], tuple[Any, Any]] = {}

        def asked(variable: Any, *about: Any) -> Any:
            alike = self._likeness(variable) if is_alike else variable
            key = id(alike), about[:1]
            if key not in answers:
                # With the variable, so that no other one gets its id.
                answers[key] = alike, method(alike, *about)
            return answers[key][1]

        return asked

    def _likeness(self, variable: Any) -> Any:
        if not isinstance(variable.value, list):
            return variable
        if id(variable) not in self._known:
            alike = copy.copy(variable)
            alike.value = [each for each in variable.value if not _is_literal(each)]
            self._known[id(variable)] = variable, alike
            # What goes round in a circle comes to the likeness, too.
            self._known[id(alike)] = alike, alike
        return self._known[id(variable)][1]


def _once(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that recovers the text of a variable, of each once; a text longer than any host is none."""
    answers: dict[int, tuple[Any, Any]] = {}

    def recovered(plugin: Any, variable: Any, seen: Any) -> Any:
        if id(variable) in seen:
            return None
        if id(variable) not in answers:
            found = method(plugin, variable, seen)
            is_host = isinstance(found, str) and len(found) <= _LONGEST_HOST
            answers[id(variable)] = variable, found if is_host else None
        return answers[id(variable)][1]

    return recovered


def _is_literal(entry: Any) -> bool:
    """Return whether the value of a map's line is the same for every request."""
    provider = getattr(entry, "provider", None)
    return provider is not None and provider.nginx_name == "map" and "$" not in str(provider.dest_val)


class _Files(dict[str, Any]):
    """The files of a dump. Where one is ``wanted``, the next to go through all of them finds that one only."""

    wanted = ""

    def items(self) -> Any:
        """Return the files, or the one that is wanted."""
        wanted, self.wanted = self.wanted, ""
        if not wanted:
            return super().items()
        found: Iterable[tuple[str, Any]] = [(wanted, self[wanted])] if wanted in self else []
        return found


def _with_files(prepare: Callable[..., Any]) -> Callable[..., Any]:
    def prepared(self: Any, parsed: Any) -> Any:
        self.configs = _Files(self.configs)
        return prepare(self, parsed)

    return prepared


def _of_file(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolved(self: Any, pattern: str, parent: Any) -> Any:
        path = os.path.join(self.cwd, pattern)
        self.configs.wanted = "" if glob.has_magic(path) else path
        return resolve(self, pattern=pattern, parent=parent)

    return resolved
