"""An effect in words: which requests, and what is done with them before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..behaviour.changes import DirectiveChange
from ..config.derive import DerivedRequest
from ..textfmt import count
from .cases import UNREAD
from .comparing import Conditioned, Pair
from .decisions import INHERITED, Decision, heeds
from .model import Effect
from .sides import ConfigSide
from .values import as_written

__all__ = ["Words"]

_MOST_SETTINGS = 3
_MOST_LETTERS = 160
_MOST_CASES = 3
# What is worth a word where something else is done as well.
_GRAVE = ("add_header", "allow", "deny", "auth_", "satisfy", "limit_", "proxy_set_header", "proxy_hide_header", "ssl_")
_Value = tuple[tuple[str, ...], ...]


class Words:
    """Puts pairs of decisions of two servers into words; ``around`` are the settings that differ around these."""

    def __init__(self, sides: tuple[ConfigSide, ConfigSide], around: Mapping[str, tuple[_Value, _Value]]) -> None:
        self._sides = sides
        self._around = around

    def effect(
        self, pair: Pair, edits: Sequence[DirectiveChange], where: str, witness: DerivedRequest | None
    ) -> Effect:
        """Return the effect that a pair of decisions is."""
        first, *others = pair.cases
        if pair.names:
            before, after = self._settings([(name, *self._around[name]) for name in pair.names])
            paths, when = f"such as {pair.target}: every request for which no location says otherwise", ""
        else:
            before, after = self._before_and_after(first)
            paths, when = _paths(pair), _when(first)
        cases = [f"{_when(case)}: {' → '.join(self._before_and_after(case))}" for case in others[:_MOST_CASES]]
        if len(others) > _MOST_CASES:
            cases.append(f"{count(len(others) - _MOST_CASES, 'more case')}")
        return Effect(list(edits), where, paths, before, after, when, cases, witness, "; ".join(pair.doubts))

    def _before_and_after(self, case: Conditioned) -> tuple[str, str]:
        live, candidate = case.live, case.candidate
        names = _different(live, candidate)
        if live.what == candidate.what and not names:
            return as_written(live.what), f"{as_written(candidate.what)}, where what it falls back to changed"
        if live.what != candidate.what:
            names = [name for name in names if name.startswith(_GRAVE)]
        said = self._settings([(name, live.setting(name), candidate.setting(name)) for name in names])
        if live.what == candidate.what:
            return said
        heads = as_written(live.what), as_written(candidate.what)
        if heads[0] == heads[1]:
            # Groups of two expressions that differ.
            heads = live.what, candidate.what
        before, after = [f"{head}, {words}" if words else head for head, words in zip(heads, said, strict=True)]
        return before, after

    def _settings(self, rows: Sequence[tuple[str, _Value, _Value]]) -> tuple[str, str]:
        """Return settings before and after, those first that matter most."""
        ranked = sorted(rows, key=lambda row: not row[0].startswith(_GRAVE))
        pairs = [self._changed(*row) for row in ranked[:_MOST_SETTINGS]]
        more = f"; and {count(len(rows) - _MOST_SETTINGS, 'more setting')}" if len(rows) > _MOST_SETTINGS else ""
        before, after = ["; ".join(words) for words in zip(*pairs, strict=True)] or ["", ""]
        return before + more, after + more

    def _changed(self, name: str, before: _Value, after: _Value) -> tuple[str, str]:
        """Return a setting before and after; of many rows only those that are not in both."""
        before, after = [
            self._around[name][side] if value == INHERITED and name in self._around else value
            for side, value in enumerate((before, after))
        ]
        if len(before) > 1 and len(after) > 1:
            gone = tuple(row for row in before if row not in after)
            come = tuple(row for row in after if row not in before)
            before, after = (gone, come) if gone or come else (before, after)
        return _short(self._sides[0].spelled(name, before)), _short(self._sides[1].spelled(name, after))


def _short(words: str) -> str:
    return words if len(words) <= _MOST_LETTERS else f"{words[: _MOST_LETTERS - 1]}…"


def _different(live: Decision, candidate: Decision) -> list[str]:
    """List the settings that differ and that both heed."""
    names = {name for name, _ in live.settings ^ candidate.settings}
    return sorted(name for name in names if heeds(live.kind, name) and heeds(candidate.kind, name))


def _when(case: Conditioned) -> str:
    read = [(as_written(text), holds) for text, holds in case.holds.items() if UNREAD not in text]
    return " and ".join(text if holds else f"not {text}" for text, holds in read)


def _paths(pair: Pair) -> str:
    if pair.targets:
        return ", ".join(pair.targets)
    live, candidate = _decider(pair.cases[0].live), _decider(pair.cases[0].candidate)
    such = f"such as {pair.target}"
    if live == candidate:
        return f"{such}: what `{candidate}` decides" if candidate else f"{such}: what no location decides"
    if not candidate:
        return f"{such}: of what `{live}` decided, what no location decides now"
    if not live:
        return f"{such}: what `{candidate}` decides now"
    return f"{such}: what `{candidate}` decides now and `{live}` decided before"


def _decider(decision: Decision) -> str:
    """Return the lines that choose targets: the innermost location, and what is chosen within it."""
    steps = [each for each in decision.place if each.startswith(("location ", "rewrite ", "if ", "return "))]
    last = max((number for number, each in enumerate(steps) if each.startswith("location ")), default=0)
    return " → ".join(steps[last:])
