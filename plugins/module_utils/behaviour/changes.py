"""How the directives of two configurations differ: block by block, whatever the files and the order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..config.facts import listeners, server_names
from ..config.parse import Config, Directive
from .units import normal

__all__ = ["DirectiveChange", "changes"]

# Where the order of equals decides.
_ORDERED = ("rewrite", "return", "allow", "deny", "if", "try_files", "break", "set")
_LIKE = 0.5
# Comparing every block with every other one is for changes that a person makes.
_MOST_PAIRS = 40_000
_NEAR = 50
_Blocks = tuple[Directive | None, Directive | None]


@dataclass(frozen=True, eq=False)
class DirectiveChange:
    """A directive that one configuration has and the other has not; both where its arguments changed.

    ``blocks`` are the enclosing blocks in the live and in the candidate configuration, as far as each has one.
    """

    old: Directive | None
    new: Directive | None
    blocks: _Blocks

    @property
    def name(self) -> str:
        """The directive's name."""
        return self.either.name

    @property
    def either(self) -> Directive:
        """The new directive, or the old one where it is gone."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a change has neither an old nor a new directive; expected one of them")
        return found

    @property
    def place(self) -> tuple[str, int]:
        """File and line: in the candidate, where it is there; else of the candidate's block around it."""
        found = self.new or self.blocks[1] or self.either
        return found.file, found.line

    @property
    def words(self) -> str:
        """The change for a person: ``shop.conf:3 root /srv/a → /srv/b``."""
        where = self.either
        place = f"{where.file}:{where.line}" + ("" if self.new else " (live)")
        old = " ".join(self.old.args) if self.old else ""
        new = " ".join(self.new.args) if self.new else ""
        if self.old and self.new:
            return f"{place} {self.name} {old} → {new}" if old != new else f"{place} {self.name} {new}: order changed"
        return f"{place} {self.name} {old or new} {'added' if self.new else 'removed'}".replace("  ", " ")


def changes(live: Config, candidate: Config) -> list[DirectiveChange]:
    """List what changed, the deepest blocks that are in both apart."""
    return list(_within(live.directives, candidate.directives, (None, None)))


def _key(directive: Directive) -> tuple[str, tuple[str, ...]]:
    return directive.name, normal(directive.name, directive.args)


def _within(old: Sequence[Directive], new: Sequence[Directive], blocks: _Blocks) -> Iterator[DirectiveChange]:
    yield from _simple([one for one in old if one.block is None], [one for one in new if one.block is None], blocks)
    before = [one for one in old if one.block is not None]
    after = [one for one in new if one.block is not None]
    paired, gone, come = _paired(before, after)
    for first, second in paired:
        if _key(first) != _key(second):
            yield DirectiveChange(first, second, (first, second))
        yield from _within(first.block or [], second.block or [], (first, second))
    yield from (DirectiveChange(one, None, blocks) for one in gone)
    yield from (DirectiveChange(None, one, blocks) for one in come)
    yield from _reordered([pair for pair in paired if pair[0].name == "location"], after, blocks)


def _simple(old: Sequence[Directive], new: Sequence[Directive], blocks: _Blocks) -> Iterator[DirectiveChange]:
    left = Counter(map(_key, new))
    gone = []
    for one in old:
        if left[_key(one)]:
            left[_key(one)] -= 1
        else:
            gone.append(one)
    come: list[Directive] = []
    for one in reversed(new):
        if left[_key(one)]:
            left[_key(one)] -= 1
            come.append(one)
    come.reverse()
    if not gone and not come:
        first, second = ([one for one in side if one.name in _ORDERED] for side in (old, new))
        for before, after in zip(first, second, strict=True):
            if _key(before) != _key(after):
                yield DirectiveChange(before, after, blocks)
        return
    by_name: dict[str, deque[Directive]] = {}
    for one in come:
        by_name.setdefault(one.name, deque()).append(one)
    instead: set[int] = set()
    for one in gone:
        same = by_name.get(one.name)
        other = same.popleft() if same else None
        instead.add(id(other))
        yield DirectiveChange(one, other, blocks)
    yield from (DirectiveChange(None, one, blocks) for one in come if id(one) not in instead)


def _reordered(
    pairs: Sequence[tuple[Directive, Directive]], after: Sequence[Directive], blocks: _Blocks
) -> Iterator[DirectiveChange]:
    """The first regex decides, so their order does."""
    regexes = [(old, new) for old, new in pairs if old.args[0].startswith("~")]
    places = {id(one): number for number, one in enumerate(after)}
    numbers = [places[id(new)] for _, new in regexes]
    for (old, new), number, expected in zip(regexes, numbers, sorted(numbers), strict=True):
        if number != expected:
            yield DirectiveChange(old, new, blocks)
            return


def _paired(
    old: Sequence[Directive], new: Sequence[Directive]
) -> tuple[list[tuple[Directive, Directive]], list[Directive], list[Directive]]:
    """Find for each block the one that it became: by what it is called, then by what is in it."""
    come = list(new)
    pairs: list[tuple[Directive, Directive]] = []
    gone: list[Directive] = []
    by_title: dict[object, list[Directive]] = {}
    for one in come:
        by_title.setdefault(_title(one), []).append(one)
    taken: set[int] = set()
    kept = _kept(old, by_title)
    for one in old:
        same = [kept[id(one)]] if id(one) in kept else by_title.get(_title(one))
        if same:
            other = same.pop(0)
            taken.add(id(other))
            pairs.append((one, other))
        else:
            gone.append(one)
    come = [one for one in come if id(one) not in taken]
    alike, gone = _alike(gone, come)
    pairs += alike
    taken.update(id(other) for _, other in alike)
    come = [one for one in come if id(one) not in taken]
    order = {id(one): number for number, one in enumerate(old)}
    return sorted(pairs, key=lambda pair: order[id(pair[0])]), gone, come


def _kept(old: Sequence[Directive], by_title: dict[object, list[Directive]]) -> dict[int, Directive]:
    """Take those out that are the same as before, where several are called alike and not as many as before: the first
    of them may be the one that is gone, or new.
    """
    before: dict[object, list[Directive]] = {}
    for one in old:
        before.setdefault(_title(one), []).append(one)
    found: dict[int, Directive] = {}
    for title, ones in before.items():
        others = by_title.get(title, [])
        if not others or len(ones) == len(others):
            continue
        same: dict[object, deque[Directive]] = {}
        for other in others:
            same.setdefault(_content(other), deque()).append(other)
        for one in ones:
            equals = same.get(_content(one))
            if equals:
                found[id(one)] = equals.popleft()
        taken = {id(found[id(one)]) for one in ones if id(one) in found}
        by_title[title] = [other for other in others if id(other) not in taken]
    return found


def _content(block: Directive) -> object:
    return frozenset(_held(block).items())


def _alike(
    gone: Sequence[Directive], come: Sequence[Directive]
) -> tuple[list[tuple[Directive, Directive]], list[Directive]]:
    """Pair blocks by what is in them; of very many each is compared with those at about the same place only."""
    held = [_held(one) for one in come]
    left = dict.fromkeys(range(len(come)))
    pairs, alone = [], []
    for index, one in enumerate(gone):
        near: Iterable[int] = left
        if len(gone) * len(come) > _MOST_PAIRS:
            there = index * len(come) // len(gone)
            near = [number for number in range(there - _NEAR, there + _NEAR) if number in left]
        own = _held(one)
        ranked = ((_likeness(one, own, come[n], held[n]), n) for n in near if come[n].name == one.name)
        likeness, number = max(ranked, default=(0.0, 0))
        if likeness >= _LIKE:
            del left[number]
            pairs.append((one, come[number]))
        else:
            alone.append(one)
    return pairs, alone


def _title(block: Directive) -> object:
    if block.name == "server":
        return "server", tuple(sorted(server_names(block))), tuple(sorted(listeners(block)))
    return _key(block)


def _held(block: Directive) -> Counter[tuple[str, tuple[str, ...]]]:
    return Counter(map(_key, list(block.walk())[1:]))


def _likeness(one: Directive, first: Counter[Any], other: Directive, second: Counter[Any]) -> float:
    both = (first & second).total()
    return both / max(first.total(), second.total(), 1) if both else float(one.args == other.args)
