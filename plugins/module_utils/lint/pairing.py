"""Which findings of a release its live release has as well, wherever they stand now.

A finding is the same one when its rule and its directive are: the same words, or words that were edited, as the regex
of a location whose list grew. Each finding of live accounts for one of the candidate, the nearest one first. Only a
snippet that stands word for word in live, in a block of the same kind, may be copied as often as somebody likes. What a
change of the tree alone must not do is neither copied nor edited: there each finding more is a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from operator import itemgetter

from ..config.parse import Config, Directive
from .catalogue import LintFinding, find_rules
from .scopes import BlockScope, Key, by_key

__all__ = ["as_in_live"]

# How alike two texts have to be for one to be an edit of the other: in the same block, and elsewhere.
_ALIKE_HERE, _ALIKE_ELSEWHERE = 0.5, 0.75
# Comparing texts letter by letter takes time: so many pairs of one rule and one directive, and so much of each text.
_MOST_PAIRS = 4_000
_MOST_LETTERS = 400


@dataclass(frozen=True)
class _Site:
    """A finding and where it stands: ``block`` is the key of the block around it, the same in both releases."""

    found: LintFinding
    block: Key
    kind: str
    name: str
    text: str

    @property
    def shape(self) -> tuple[str, str, str]:
        return self.found.rule, self.kind, self.name

    @property
    def what(self) -> str:
        return self.found.finding.what


class _Places:
    """The blocks of a release by the lines of what stands in them."""

    def __init__(self, config: Config, like: Config | None = None) -> None:
        self._at: dict[tuple[str, int], list[tuple[Key, BlockScope, Directive]]] = {}
        self.written: dict[tuple[Key, str], list[str]] = {}
        for key, scope in by_key(config, like).items():
            for name, directives in scope.own.items():
                self.written[key, name] = [_text(each) for each in directives]
                for each in directives:
                    self._at.setdefault((each.file, each.line), []).append((key, scope, each))

    def site(self, found: LintFinding) -> _Site:
        """Return where a finding stands; what is at no directive has its own words for one."""
        here = self._at.get((found.finding.file, found.finding.line), [])
        # Several directives may share a line.
        shown = [row for row in here if row[2].text == found.finding.actual]
        named = [row for row in here if row[2].name == found.directive]
        for key, scope, directive in shown or named or here:
            return _Site(found, key, scope.kind, directive.name, _text(directive))
        return _Site(found, (), "", "", found.finding.actual)


def _text(directive: Directive) -> str:
    """Return a directive as it is compared: the order of a list is no difference."""
    return " ".join([directive.name, *sorted(directive.args)])


def as_in_live(
    now: Sequence[LintFinding], config: Config, before: Sequence[LintFinding], live: Config
) -> Sequence[bool]:
    """Return for each finding of a candidate whether its live release has it as well."""
    places, lived = _Places(config, live), _Places(live)
    sites = [places.site(each) for each in now]
    old = [lived.site(each) for each in before]
    pairing = _Pairing(sites, old)
    for degree in _DEGREES:
        pairing.pair_equal(degree)
    pairing.pair_edited(places, lived)
    copies = {(*each.shape, each.text, each.what) for each in old}
    strict = {rule.name for rule in find_rules().values() if not rule.accepted_by_tree}
    # A line that several servers include has as many findings as they make different ones of it.
    often = {
        place for place, times in Counter((*each.shape, each.text, each.block) for each in old).items() if times > 1
    }
    return [
        number in pairing.paired
        or (
            site.found.rule not in strict
            and ((*site.shape, site.text, site.what) in copies or (*site.shape, site.text, site.block) in often)
        )
        for number, site in enumerate(sites)
    ]


# What has to be equal in two findings of one rule, the nearest first.
_DEGREES: Sequence[Callable[[_Site], Hashable]] = (
    lambda site: (site.shape, site.text, site.block, site.what),
    lambda site: (site.shape, site.text, site.block),
    lambda site: (site.shape, site.text, site.what),
    lambda site: (site.shape, site.text),
)


class _Pairing:
    """Findings of the candidate that found theirs in live (``paired``), and those of both that are left."""

    def __init__(self, now: Sequence[_Site], old: Sequence[_Site]) -> None:
        self._now, self._old = now, old
        self.paired: set[int] = set()
        self._used: set[int] = set()

    def _left(self, key: Callable[[_Site], Hashable]) -> tuple[dict[Hashable, list[int]], dict[Hashable, list[int]]]:
        """Return the positions of what is left on both sides, by a key."""
        sides: tuple[dict[Hashable, list[int]], dict[Hashable, list[int]]] = ({}, {})
        for side, sites, gone in zip(sides, (self._now, self._old), (self.paired, self._used), strict=True):
            for number, site in enumerate(sites):
                if number not in gone:
                    side.setdefault(key(site), []).append(number)
        return sides

    def pair_equal(self, key: Callable[[_Site], Hashable]) -> None:
        """Pair what has the same key, in order."""
        ours, theirs = self._left(key)
        for each, numbers in ours.items():
            for one, other in zip(numbers, theirs.get(each, ()), strict=False):
                self.paired.add(one)
                self._used.add(other)

    def pair_edited(self, places: _Places, lived: _Places) -> None:
        """Pair what is left where one text is an edit of the other, the most alike first."""
        ours, theirs = self._left(lambda site: site.shape)
        counting = {rule.name for rule in find_rules().values() if rule.edits_count or not rule.accepted_by_tree}
        ranked = []
        for shape, numbers in ours.items():
            others = [] if self._now[numbers[0]].found.rule in counting else theirs.get(shape, [])
            if len(numbers) * len(others) > _MOST_PAIRS:
                continue
            for one in numbers:
                for other in others:
                    now, old = self._now[one], self._old[other]
                    near = _alike(now.text, old.text)
                    wanted = _ALIKE_HERE if now.block == old.block else _ALIKE_ELSEWHERE
                    # A line that was written anew, about which the very same is said, is none the worse for it.
                    wanted = 0.0 if (now.block, now.what) == (old.block, old.what) else wanted
                    if near >= wanted and not _is_fixed(old, now, near, places, lived):
                        ranked.append((near, one, other))
        for _, one, other in sorted(ranked, key=itemgetter(0), reverse=True):
            if one not in self.paired and other not in self._used:
                self.paired.add(one)
                self._used.add(other)


def _alike(one: str, other: str) -> float:
    """Return how much of two texts is the same, from 0 to 1."""
    return SequenceMatcher(None, one[:_MOST_LETTERS], other[:_MOST_LETTERS], autojunk=False).ratio()


def _is_fixed(old: _Site, now: _Site, near: float, places: _Places, lived: _Places) -> bool:
    """Return whether the block has another new line that the old one more likely became: one without the fault."""
    before = lived.written.get((old.block, old.name), ())
    beside = places.written.get((old.block, old.name), ())
    return any(text not in before and text != now.text and _alike(text, old.text) > near for text in beside)
