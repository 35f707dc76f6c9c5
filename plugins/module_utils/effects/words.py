"""An effect in words: which requests, and what is done with them before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..behaviour.changes import Change
from ..config.derive import Request
from .comparing import Pair
from .decisions import Decision, setting_words
from .model import Effect

__all__ = ["described"]

_MOST_SETTINGS = 3
_Value = tuple[tuple[str, ...], ...]


def described(
    pair: Pair,
    edits: Sequence[Change],
    where: str,
    witness: Request | None,
    around: Mapping[str, tuple[_Value, _Value]],
    requests: int | None,
    asked: int,
) -> Effect:
    """Return the effect that a pair of decisions is."""
    if pair.name:
        before, after = (setting_words(pair.name, value) for value in around[pair.name])
        paths = f"every request for which no location says otherwise, such as {pair.difference.target}"
    else:
        before, after = _before_and_after(pair.live, pair.candidate)
        paths = _paths(pair)
    when = " and ".join(
        _condition(each, holds) for each, holds in pair.difference.holds.items() if "not read" not in each
    )
    return Effect(list(edits), where, paths, before, after, when, witness, "; ".join(pair.doubts), requests, asked)


def _condition(text: str, holds: bool) -> str:
    return text if holds else f"not {text}"


def _paths(pair: Pair) -> str:
    if pair.difference.targets:
        return ", ".join(pair.difference.targets)
    live, candidate = _decider(pair.live), _decider(pair.candidate)
    such = f"such as {pair.difference.target}"
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
    if not steps:
        return ""
    last = max((number for number, each in enumerate(steps) if each.startswith("location ")), default=0)
    return " → ".join(steps[last:])


def _before_and_after(live: Decision, candidate: Decision) -> tuple[str, str]:
    before, after = dict(live.settings), dict(candidate.settings)
    names = sorted(name for name in {*before, *after} if before.get(name, ()) != after.get(name, ()))
    if live.what == candidate.what and not names:
        return live.what, f"{candidate.what}, where what it falls back to changed"
    said = [
        ", ".join(setting_words(name, values.get(name, ())) for name in names[:_MOST_SETTINGS])
        + (f", and {len(names) - _MOST_SETTINGS} more settings" if len(names) > _MOST_SETTINGS else "")
        for values in (before, after)
    ]
    if live.what == candidate.what:
        return said[0], said[1]
    if not names:
        return live.what, candidate.what
    return f"{live.what}, with {said[0]}", f"{candidate.what}, with {said[1]}"
