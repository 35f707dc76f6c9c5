"""Automata that give each request target a value: nginx's first match, longest prefix and map, step by step.

A state is a number, and equal states have equal numbers, also in two configurations: where these are in the same state,
no request that begins so is handled otherwise. The letters are those of the path after nginx has decoded it; what reads
``$request_uri`` reads each of them as it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from .budget import Budget
from .cases import NONE, Conditional, graft, unread
from .derivatives import Derivatives
from .letters import EVERY, OTHER, QUERY, SAFE, UNSAFE, bit, either_case, name, refined, sent
from .patterns import NotRegular, literal_prefix, searched
from .terms import Algebra, TooMuch

__all__ = ["Machines", "TableEntry"]

_MOST_STATES = 400_000
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class TableEntry(NamedTuple):
    """A word of a table: what holds for the word itself, and for what begins with it; -1 is for nothing."""

    word: str
    exact: int
    prefix: int


class _State(NamedTuple):
    kind: str
    value: object = None
    reads: str = ""
    number: int = 0
    parts: tuple[Any, ...] = ()
    below: int = -1
    here: int = -1


class Machines(Derivatives):
    """The automata of one comparison."""

    def __init__(self, terms: Algebra, budget: Budget) -> None:
        super().__init__()
        self.terms = terms
        self.budget = budget
        self._known: dict[_State, int] = {}
        self._states: list[_State] = []
        self._queries: dict[int, bool] = {}
        self._values: dict[int, object] = {}
        self._pairs: dict[tuple[int, int], frozenset[tuple[object, object]] | None] = {}
        self._grouped: dict[int, dict[str, tuple[TableEntry, ...]]] = {}
        self._functions: list[Callable[..., object]] = []
        self._numbers: dict[object, int] = {}
        self.none = self.constant(NONE)

    def _make(self, state: _State) -> int:
        found = self._known.get(state)
        if found is None:
            self.budget.spent()
            if len(self._states) >= _MOST_STATES:
                raise TooMuch(f"it takes more than {_MOST_STATES:,} states")
            found = self._known[state] = len(self._states)
            self._states.append(state)
        return found

    def constant(self, value: object) -> int:
        """Return the automaton that gives every target one value."""
        return self._make(_State("constant", value))

    def is_constant(self, number: int) -> bool:
        """Return whether no letter can make a difference any more."""
        return self._states[number].kind == "constant"

    def found(self, reads: str, term: int) -> int:
        """Return the automaton of whether what is read (``uri``, ``request``, ``args``) is in a language."""
        if term in (Algebra.NOTHING, Algebra.ANY):
            return self.constant(term == Algebra.ANY)
        return self._make(_State("found", reads=reads, number=term))

    def matched(self, reads: str, pattern: str, loose: bool) -> int:
        """Return the automaton of whether a pattern is found in what is read, as ``found`` does.

        Raises ``NotRegular`` and ``TooMuch``. A pattern with a plain prefix is only read behind that: a map may have
        thousands of them, and a walk comes to few.
        """
        prefix = literal_prefix(pattern)
        if not prefix:
            return self.found(reads, searched(self.terms, pattern, loose))
        return self._make(_State("prefixed", (pattern, prefix.lower() if loose else prefix), reads, int(loose)))

    def _read_prefix(self, number: int, state: _State, letter: int) -> int:
        if state.reads == "uri" and letter == QUERY:
            return self.constant(False)
        if state.reads == "args":
            return self._make(state._replace(reads="query")) if letter == QUERY else number
        pattern, prefix = cast("tuple[str, str]", state.value)
        text = name(letter) if state.reads == "uri" or letter & SAFE or letter == QUERY else sent(name(letter))
        depth = state.below + 1 + len(text)
        if not prefix.startswith(text.lower() if state.number else text, state.below + 1):
            return self.constant(False)
        if depth < len(prefix):
            return self._make(state._replace(below=depth - 1))
        return self._behind(state.reads, pattern, prefix, bool(state.number))

    def _behind(self, reads: str, pattern: str, prefix: str, loose: bool) -> int:
        try:
            term = searched(self.terms, pattern, loose)
        except (NotRegular, TooMuch) as error:
            return self.constant(unread(pattern, loose, error))
        for each in prefix:
            term = self.terms.step(term, bit(ord(each)))
        return self.found(reads, term)

    def rows(self, rows: Iterable[tuple[int, int]]) -> int:
        """Return the value of the first row whose condition holds; ``NONE`` where none does."""
        kept: list[tuple[int, int]] = []
        for condition, then in rows:
            state = self._states[condition]
            if state.kind == "constant" and state.value is False:
                continue
            kept.append((condition, then))
            if state.kind == "constant" and state.value is True:
                break
        if not kept:
            return self.none
        if self._states[kept[0][0]] == _State("constant", True):
            return kept[0][1]
        return self._make(_State("rows", parts=tuple(kept)))

    def fallback(self, one: int, other: int) -> int:
        """Return the value of one automaton; where it decides nothing, that of the other one."""
        state = self._states[one]
        if other == self.none:
            return one
        if state.kind == "constant" and not isinstance(state.value, Conditional):
            return other if state.value is NONE else one
        if state.kind == "fallback":
            return self._make(_State("fallback", number=state.number, below=self.fallback(state.below, other)))
        return self._make(_State("fallback", number=one, below=other))

    def table(self, entries: Iterable[TableEntry], otherwise: int, *, reads: str = "uri", loose: bool = False) -> int:
        """Return what the longest word in a table says; ``loose`` tells no upper from lower case."""
        found: dict[str, TableEntry] = {}
        beyond: dict[str, list[TableEntry]] = {}
        for entry in entries:
            word = entry.word.lower() if loose else entry.word
            if reads == "uri" and not word.isascii():
                beyond.setdefault(_BEYOND_ASCII.sub(name(OTHER), word), []).append(entry)
            else:
                found.setdefault(word, entry._replace(word=word))
        for word, alike in beyond.items():
            exact = self._told_apart([(f"^{re.escape(each.word)}$", each.exact) for each in alike], loose)
            prefix = self._told_apart([(f"^{re.escape(each.word)}", each.prefix) for each in alike], loose)
            found[word] = TableEntry(word, exact, prefix)
        rows = tuple(found[word] for word in sorted(found))
        return self._enter(f"{reads}{' loose' if loose else ''}", 0, rows, otherwise)

    def _told_apart(self, rows: Iterable[tuple[str, int]], loose: bool) -> int:
        """Return what holds for words that are alike to an automaton, by conditions that only a request finalizes."""
        why = NotRegular("a letter beyond ASCII")
        kept = [(self.constant(unread(pattern, loose, why)), number) for pattern, number in rows if number >= 0]
        return self.rows(kept) if kept else -1

    def _enter(self, reads: str, depth: int, entries: tuple[TableEntry, ...], below: int) -> int:
        here = -1
        if entries and len(entries[0].word) == depth:
            entry, entries = entries[0], entries[1:]
            below = self._at(entry.word, entry.prefix, below) if entry.prefix >= 0 else below
            here = self._at(entry.word, entry.exact, below) if entry.exact >= 0 else -1
        if not entries and here < 0:
            return below
        return self._make(_State("table", reads=reads, number=depth, parts=entries, below=below, here=here))

    def _at(self, word: str, number: int, below: int) -> int:
        """Return the state after a word; what may be another word that is alike leaves it to what is below."""
        after = self.after(number, word)
        return after if word.isascii() else self.fallback(after, below)

    def skipped(self, letters: int, then: int) -> int:
        """Return an automaton that begins after a number of letters, of which the conditions before have said all."""
        if letters == 0 or self.is_constant(then):
            return then
        return self._make(_State("skipped", number=letters, below=then))

    def function(self, key: object, function: Callable[..., object]) -> int:
        """Return the number of a function of values, for ``applied``; functions with equal keys have to be equal."""
        if key not in self._numbers:
            self._numbers[key] = len(self._functions)
            self._functions.append(function)
        return self._numbers[key]

    def applied(self, function: int, *numbers: int) -> int:
        """Return a function of the values of automata."""
        if all(self.is_constant(number) for number in numbers):
            return self.constant(self._apply(function, [self._states[number].value for number in numbers]))
        return self._make(_State("applied", number=function, parts=numbers))

    def _apply(self, function: int, values: Sequence[object]) -> object:
        def rest(taken: tuple[object, ...], left: Sequence[object]) -> object:
            if not left:
                self.budget.spent()
                return self._functions[function](*taken)
            return graft(left[0], lambda value: rest((*taken, value), left[1:]))

        return rest((), values)

    def after(self, number: int, text: str) -> int:
        """Return the state after a text."""
        for each in text:
            if self.is_constant(number):
                break
            number = self.step(number, bit(ord(each)) or OTHER)
        return number

    def _step(self, number: int, letter: int) -> int:
        state = self._states[number]
        if state.kind == "constant":
            return number
        if state.kind == "found":
            return self._read(state, letter)
        if state.kind == "prefixed":
            return self._read_prefix(number, state, letter)
        if state.kind == "rows":
            return self.rows([(self.step(first, letter), self.step(then, letter)) for first, then in state.parts])
        if state.kind == "fallback":
            return self.fallback(self.step(state.number, letter), self.step(state.below, letter))
        if state.kind == "skipped":
            # The query can only come when all is read that was to be skipped.
            return self.skipped(state.number - 1, state.below) if letter != QUERY else self.step(state.below, letter)
        if state.kind == "applied":
            return self.applied(state.number, *[self.step(part, letter) for part in state.parts])
        return self._look_up(number, state, letter)

    def _read(self, state: _State, letter: int) -> int:
        terms, term = self.terms, state.number
        if state.reads == "uri" and letter == QUERY:
            return self.constant(terms.matches_empty(term))
        if state.reads == "args":
            return self.found("query", term) if letter == QUERY else self._known[state]
        if state.reads == "uri" or letter & SAFE or letter == QUERY:
            return self.found(state.reads, terms.step(term, letter))
        for each in sent(name(letter)):
            term = terms.step(term, bit(ord(each)))
        return self.found(state.reads, term)

    def _look_up(self, number: int, state: _State, letter: int) -> int:
        reads = state.reads.partition(" ")[0]
        if reads == "args":
            return self._await_query(state, letter)
        if letter == QUERY and reads == "uri":
            return self.step(state.below if state.here < 0 else state.here, letter)
        word = name(letter)
        below = self.step(state.below, letter)
        if reads != "uri" and not letter & (SAFE | QUERY):
            text = sent(word).lower() if "loose" in state.reads else sent(word)
            depth = state.number + len(text)
            fitting = tuple(entry for entry in state.parts if entry.word[state.number : depth] == text)
            return self._enter(state.reads, depth, fitting, below)
        word = word.lower() if "loose" in state.reads else word
        return self._enter(state.reads, state.number + 1, self._groups(number, state).get(word, ()), below)

    def _await_query(self, state: _State, letter: int) -> int:
        """Return the table of a query after a letter of the path, or after the question mark at which it begins."""
        parts = tuple(entry._replace(exact=self.step(entry.exact, letter)) for entry in state.parts)
        here = self.step(state.here, letter) if state.here >= 0 else -1
        reads = state.reads.replace("args", "query") if letter == QUERY else state.reads
        return self._make(state._replace(reads=reads, parts=parts, below=self.step(state.below, letter), here=here))

    def _groups(self, number: int, state: _State) -> dict[str, tuple[TableEntry, ...]]:
        found = self._grouped.get(number)
        if found is None:
            lists: dict[str, list[TableEntry]] = {}
            for entry in state.parts:
                lists.setdefault(entry.word[state.number], []).append(entry)
            found = self._grouped[number] = {letter: tuple(entries) for letter, entries in lists.items()}
        return found

    def value(self, number: int) -> object:
        """Return the value of the target that ends here."""
        if number not in self._values:
            self._values[number] = self._value(self._states[number])
        return self._values[number]

    def _value(self, state: _State) -> object:
        if state.kind == "constant":
            return state.value
        if state.kind == "found":
            return self.terms.matches_empty(state.number)
        if state.kind == "prefixed":
            return False
        if state.kind == "rows":
            found: object = NONE
            for condition, then in reversed(state.parts):
                found = self._chosen(self.value(condition), then, found)
            return found
        if state.kind == "fallback":
            return graft(self.value(state.number), lambda each: self.value(state.below) if each is NONE else each)
        if state.kind == "applied":
            return self._apply(state.number, [self.value(part) for part in state.parts])
        if state.kind == "table" and state.here >= 0:
            return self.value(state.here)
        return self.value(state.below)

    def _chosen(self, condition: object, then: int, otherwise: object) -> object:
        return graft(condition, lambda holds: self.value(then) if holds else otherwise)

    def reads_query(self, number: int) -> bool:
        """Return whether a query can make a difference."""
        found = self._queries.get(number)
        if found is None:
            state = self._states[number]
            below = [part for part in (state.below, state.here) if part >= 0 and state.kind != "prefixed"]
            if state.kind == "found" or state.kind == "table":
                below += [part for entry in state.parts for part in entry[1:] if part >= 0]
            elif state.kind == "rows":
                below += [part for row in state.parts for part in row]
            elif state.kind == "applied":
                below += state.parts
            elif state.kind == "fallback":
                below.append(state.number)
            own = state.kind in ("found", "prefixed", "table") and not state.reads.startswith("uri")
            found = self._queries[number] = own or any(self.reads_query(part) for part in below)
        return found

    def pairs(self, one: int, other: int) -> frozenset[tuple[object, object]] | None:
        """Return all pairs of different values that two automata can give one target; None where that is not known.

        It is known where they differ in their values and in no condition.
        """
        key = (one, other)
        if key not in self._pairs:
            self._pairs[key] = self._paired(one, other)
        return self._pairs[key]

    def _paired(self, one: int, other: int) -> frozenset[tuple[object, object]] | None:
        first, second = self._states[one], self._states[other]
        if one == other:
            return frozenset()
        if first.kind == second.kind == "constant":
            return frozenset({(first.value, second.value)})
        if first.kind != second.kind:
            return None
        heads, below = self._alike(first, second)
        found: set[tuple[object, object]] = set()
        for pair in [*heads, *below]:
            each = self.pairs(*pair)
            # Where one side decides and the other does not, what comes behind meets what does not.
            if each is None or (pair in heads and any(NONE in values for values in each)):
                return None
            found |= each
        return frozenset(found) if below else None

    def _alike(self, first: _State, second: _State) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the parts in which alone two states of one kind differ; none where their conditions differ."""
        nothing: list[tuple[int, int]] = []
        if first.kind == "fallback":
            return [(first.number, second.number)], [(first.below, second.below)]
        if first.kind == "skipped" and first.number == second.number:
            return nothing, [(first.below, second.below)]
        if first.kind == "rows" and [row[0] for row in first.parts] == [row[0] for row in second.parts]:
            return nothing, [(one[1], other[1]) for one, other in zip(first.parts, second.parts, strict=True)]
        if first.kind == "table" and first[:5] == second[:5] and (first.here < 0) == (second.here < 0):
            here = [(first.here, second.here)] if first.here >= 0 else nothing
            return nothing, [(first.below, second.below), *here]
        return nothing, nothing

    def _division(self, number: int) -> tuple[int, ...]:
        state = self._states[number]
        if state.kind in ("constant", "skipped"):
            return (EVERY,)
        if state.kind == "found":
            return self._reading(state)
        if state.kind == "prefixed":
            return self._next_of_prefix(state)
        if state.kind == "rows":
            return refined(self.division(part) for row in state.parts for part in row)
        if state.kind == "fallback":
            return refined((self.division(state.number), self.division(state.below)))
        if state.kind == "applied":
            return refined(self.division(part) for part in state.parts)
        if state.reads.startswith("args"):
            after = [state.below, state.here, *(entry.exact for entry in state.parts)]
            return refined(((EVERY & ~QUERY, QUERY), *(self.division(part) for part in after if part >= 0)))
        letters = [bit(ord(each)) for each in self._groups(number, state)]
        if "loose" in state.reads:
            letters = list({either_case(each) for each in letters})
        if not state.reads.startswith("uri") and "%" in self._groups(number, state):
            letters += UNSAFE
        rest = EVERY & ~sum(letters)
        return refined((self.division(state.below), (*letters, rest) if rest else letters))

    def _next_of_prefix(self, state: _State) -> tuple[int, ...]:
        if state.reads == "args":
            return (EVERY & ~QUERY, QUERY)
        following = cast("tuple[str, str]", state.value)[1][state.below + 1]
        one = either_case(bit(ord(following))) if state.number else bit(ord(following))
        if following == "%" and state.reads != "uri":
            return (SAFE | QUERY, *UNSAFE)
        return (one, EVERY & ~one)

    def _reading(self, state: _State) -> tuple[int, ...]:
        if state.reads == "args":
            return (EVERY & ~QUERY, QUERY)
        found = self.terms.division(state.number)
        if state.reads == "uri":
            return refined((found, (EVERY & ~QUERY, QUERY)))
        escaped = self.terms.step(state.number, bit(ord("%")))
        if escaped in (Algebra.NOTHING, Algebra.ANY):
            return refined((found, (SAFE | QUERY, EVERY & ~SAFE & ~QUERY)))
        return refined((found, (SAFE | QUERY, *UNSAFE)))
