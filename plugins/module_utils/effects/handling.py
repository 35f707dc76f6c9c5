"""A server as an automaton from targets to decisions: rewrites, locations in nginx's order, and their content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..config.match import chain_to, choose_location
from ..config.parse import Directive
from .actions import STEPS, Actions
from .cases import unknown
from .machines import Machines, TableEntry
from .terms import TooMuch
from .values import Values, captured
from .views import PathView, Read, found_in, rewritten

__all__ = ["ServerAutomaton"]

_DEEPEST = 3
_MOST_CONTINUED = 200
_FINAL = ("redirect", "permanent")
_SCHEMES = ("http://", "https://", "$scheme")


class _RequestState(NamedTuple):
    """A request on its way: what has been set, what its path is, and the lines that it has met."""

    own: tuple[tuple[str, int], ...] = ()
    view: PathView = PathView()
    pattern: str = ""
    met: tuple[Directive, ...] = ()
    changed: bool = False
    rounds: int = 0


_Done = Callable[[_RequestState], int]


class ServerAutomaton:
    """One ``server`` block of one side."""

    def __init__(self, machines: Machines, block: Directive, values: Values, actions: Actions) -> None:
        self._machines = machines
        self._block = block
        self._values = values
        self._actions = actions
        self._located: dict[tuple[object, ...], int] = {}
        self._continued = 0

    def automaton(self) -> int:
        """Return the automaton. Raises ``TooMuch`` for a server that is too large."""
        try:
            return self._run(_steps(self._block), _RequestState(), self._locate, self._locate)
        except RecursionError as error:
            raise TooMuch("its blocks and rewrites are nested too deeply") from error

    def _run(self, steps: Sequence[Directive], way: _RequestState, done: _Done, ended: _Done) -> int:
        """Return what the rewrite module does with a request, one directive after the other.

        ``done`` is what comes after the last one, and ``ended`` what comes after a break, also within a condition.
        """
        machines = self._machines
        rows: list[tuple[int, int]] = []
        last = -1
        for number, each in enumerate(steps):
            machines.budget.spent()

            def go_on(after: _RequestState, number: int = number) -> int:
                self._continued += 1
                if self._continued > _MOST_CONTINUED:
                    raise TooMuch("its conditions and rewrites leave too many ways open")
                return self._run(steps[number + 1 :], after, done, ended)

            if each.name == "return" and each.args:
                last = self._returned(each, way)
                break
            if each.name == "break":
                last = ended(way._replace(changed=False))
                break
            if each.name == "set" and len(each.args) == 2:
                value = self._text(each.args[1], way)
                way = way._replace(
                    own=(*[pair for pair in way.own if pair[0] != each.args[0][1:]], (each.args[0][1:], value))
                )
            elif each.name == "rewrite" and len(each.args) >= 2:
                rows.append(self._rewrite(each, way, go_on, ended))
            elif each.name == "if" and each.block is not None:
                condition = self._values.condition(each.args, dict(way.own), way.view)
                pattern = each.args[2] if len(each.args) == 3 and each.args[1] in ("~", "~*") else way.pattern
                inside = way._replace(met=(*way.met, each), pattern=pattern)
                rows.append((condition, self._run(_steps(each), inside, go_on, ended)))
        return machines.fallback(machines.rows(rows), last if last >= 0 else done(way))

    def _text(self, template: str, way: _RequestState) -> int:
        return self._values.text(captured(template, way.pattern) if way.pattern else template, dict(way.own), way.view)

    def _returned(self, line: Directive, way: _RequestState) -> int:
        met = (*way.met, line)
        target = self._text(line.args[-1], way) if len(line.args) > 1 or not line.args[0].isdigit() else -1
        blocks = [self._block, *met]
        return self._actions.with_variables(self._actions.returned(line, target, blocks, met), blocks, dict(way.own))

    def _rewrite(self, line: Directive, way: _RequestState, go_on: _Done, ended: _Done) -> tuple[int, int]:
        """Return whether a rewrite applies, and what is done then."""
        pattern, target = line.args[:2]
        flag = line.args[2] if len(line.args) > 2 else ""
        applies = found_in(self._machines, Read("uri"), way.view, pattern, False)
        matched = way._replace(pattern=pattern, met=(*way.met, line))
        if flag in _FINAL or target.startswith(_SCHEMES):
            blocks = [self._block, *matched.met]
            number = self._actions.redirected(flag, self._text(target, matched), blocks, matched.met)
            return applies, self._actions.with_variables(number, blocks, dict(way.own))
        text = self._machines.value(self._text(target, way))
        plain = text if isinstance(text, str) and way.own else target
        after = matched._replace(view=rewritten(way.view, pattern, plain), changed=flag != "break")
        return applies, ended(after) if flag in ("break", "last") else go_on(after)

    def _locate(self, way: _RequestState) -> int:
        """Return what the location does that a path leads to."""
        view = way.view
        if way.rounds > _DEEPEST:
            return self._lost(way, "it is rewritten again and again")
        if view.lost:
            return self._lost(way, view.lost)
        # A rewrite of the server's makes a request one of nginx's own as well.
        rounds = way.rounds if view.is_original else max(way.rounds, 1)
        plain = way._replace(met=(), changed=False, pattern="", rounds=rounds)
        if view.is_original:
            return self._all(plain)
        if view.text is not None:
            return self._tagged(self._at(plain, view.text), way)
        number = self._all(plain._replace(view=PathView()))
        if self._machines.reads_query(number):
            return self._lost(way, f"after a rewrite to {view.prefix}… more than the path decides")
        return self._tagged(self._machines.skipped(view.skipped, self._machines.after(number, view.prefix)), way)

    def _tagged(self, number: int, way: _RequestState) -> int:
        """Return decisions that say by which rewrites a request has come to them."""
        if not way.met:
            return number
        return self._machines.applied(self._actions.after_rewrites(way.met), number)

    def _lost(self, way: _RequestState, why: str) -> int:
        return self._actions.lost(self._block, way.met, why)

    def _at(self, way: _RequestState, path: str) -> int:
        """Return what is done with one path."""
        chosen = choose_location(self._block, path)
        if chosen is None:
            return self._content([self._block], (), way)
        return self._enter(chain_to(self._block, chosen), way)

    def _all(self, way: _RequestState) -> int:
        key = (way.own, way.rounds)
        if key not in self._located:

            def otherwise() -> int:
                return self._content([self._block], (), way)

            self._located[key] = self._find(self._block, [], way, self._machines.none, otherwise)
        return self._located[key]

    def _find(
        self, block: Directive, chain: list[Directive], way: _RequestState, around: int, otherwise: Callable[[], int]
    ) -> int:
        """Return what the locations of a block do; ``otherwise`` is what is done where none of them decides.

        ``around`` is what regexes around the block do. nginx asks these after those in the block, also where a
        location in the block has the longest prefix.
        """
        machines = self._machines
        regexes: list[Directive] = []
        entries: dict[str, TableEntry] = {}
        slashed: dict[str, list[Directive]] = {}
        prefixes: list[tuple[str, bool, Directive]] = []
        for location in block.children("location"):
            kind, pattern = location.args if len(location.args) == 2 else ("", location.args[0])
            if kind.startswith("~"):
                regexes.append(location)
            elif kind == "=":
                entry = entries.get(pattern, TableEntry(pattern, -1, -1))
                if entry.exact < 0:
                    entries[pattern] = entry._replace(exact=self._enter([*chain, location], way))
            elif not pattern.startswith("@"):
                prefixes.append((pattern, kind == "^~", location))
            if (
                kind in ("", "^~", "=")
                and pattern.endswith("/")
                and len(pattern) > 1
                and self._actions.adds_slash(location)
            ):
                slashed.setdefault(pattern, [*chain, location])
        rows = [
            (
                found_in(machines, Read("uri"), PathView(), location.args[1], location.args[0] == "~*"),
                self._find(location, [*chain, location], way, machines.none, self._entered([*chain, location], way)),
            )
            for location in regexes
        ]
        found = machines.fallback(machines.rows(rows), around)
        for pattern, held, location in prefixes:
            entry = entries.get(pattern, TableEntry(pattern, -1, -1))
            if entry.prefix >= 0:
                continue
            inner = [*chain, location]
            beyond = around if held else found
            entries[pattern] = entry._replace(
                prefix=self._find(location, inner, way, beyond, self._entered(inner, way))
            )
        # An exact location goes before the one whose paths begin so, whichever of them passes requests on.
        named = {each.args[1]: each for each in block.children("location") if each.args[0] == "=" and each.args[1:]}
        for pattern, to in slashed.items():
            slashed_chain = [*chain, named[pattern]] if pattern in named else to
            word = pattern[:-1]
            entry = entries.get(word, TableEntry(word, -1, -1))
            if entry == TableEntry(word, -1, -1):
                entries[word] = entry._replace(exact=self._actions.slash_added(slashed_chain))
        return machines.table(entries.values(), machines.fallback(found, otherwise()))

    def _entered(self, chain: list[Directive], way: _RequestState) -> Callable[[], int]:
        return lambda: self._enter(chain, way)

    def _enter(self, chain: list[Directive], way: _RequestState) -> int:
        """Return what a location does with a request."""
        location = chain[-1]
        pattern = next(
            (each.args[1] for each in reversed(chain) if each.args[0].startswith("~") and len(each.args) == 2), ""
        )

        def done(after: _RequestState) -> int:
            if after.changed:
                return self._locate(after._replace(rounds=after.rounds + 1))
            return self._content([self._block, *chain], after.met, after)

        if self._actions.is_internal(location) and not way.rounds:
            return self._actions.internal(chain)
        inside, steps = way._replace(pattern=pattern, met=tuple(chain), changed=False), _steps(location)
        decided = self._run(steps, inside, done, done)
        excepted = next(iter(location.children("limit_except")), None)
        if excepted is None or not steps:
            return decided
        # Other methods have the block for a location, in which nothing of the rewrite module is.
        named = self._machines.constant(unknown(f"the method is {' or '.join(excepted.args)}"))
        return self._machines.fallback(self._machines.rows([(named, decided)]), done(inside))

    def _content(self, blocks: Sequence[Directive], met: Sequence[Directive], way: _RequestState) -> int:
        number = self._actions.content(blocks, met, lambda template: self._text(template, way))
        conditions = [each for each in met if each.name == "if"]
        return self._actions.with_variables(number, [*blocks, *conditions[-1:]], dict(way.own))


def _steps(block: Directive) -> list[Directive]:
    return [each for each in block.block or [] if each.name in STEPS]
