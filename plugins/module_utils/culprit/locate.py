"""Whose line it is, for a release that failed where one that passed is live."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..verdicts.model import Subject, Verdict
from ..verdicts.runner import Gate
from ..verdicts.watching import UNWATCHED, Watcher
from .change import read_change
from .failures import all_respects
from .model import Culprits, CulpritSet
from .positions import Where
from .search import CulpritGroup, OutOfTime, Search
from .trials import Trials

__all__ = ["find_culprits"]

# What is asked quickly and tells most comes first; what is known then is the first guess for the others.
_FIRST = ("parse", "syntax", "start", "smoke", "needs", "lint")
# There is no tree; or what is found is no line that is there, but a check that is not; or each trial would take a whole
# issuance, and its findings name the line already.
_NEVER = ("spec", "coverage", "renewal")
_MOST_PLACES = 20


def find_culprits(
    subject: Subject,
    verdicts: Sequence[Verdict],
    gates: Sequence[Gate],
    seconds: float,
    watcher: Watcher = UNWATCHED,
) -> Culprits | None:
    """Find the smallest part of the change that makes gates fail. None where there is nothing to search.

    The stages of ``subject`` must be open still; they are not what they were afterwards. The search ends after
    ``seconds``, and tells what it knows then; ``watcher`` is told of its trials. Raises ``SluiceError`` when a tree
    cannot be read.
    """
    live, release = subject.live, subject.release
    failed = [each for each in verdicts if each.result == "fail" and each.gate not in _NEVER]
    if live is None or release is None or live.release.id == release.id or not failed:
        return None
    began = time.monotonic()
    change = read_change(live.release.tree, release.tree, live.release.described.get("withheld", ()))
    if not change.edits:
        return None
    staged = {gate.name: bool(gate.on) for gate in gates}
    with Trials(subject, live, change, gates, verdicts, began + seconds, watcher) as trials:
        search = Search(change, trials)
        for verdict in sorted(failed, key=_rank):
            if staged[verdict.gate] and subject.stage is None:
                continue
            if not staged[verdict.gate]:
                # It looks at the tree alone, and would say the same again.
                trials.note(verdict.gate, change.all, all_respects(verdict))
            watcher.tried(verdict.gate, trials.tried)
            try:
                search.gate(verdict)
            except OutOfTime:
                search.notes.append(_ended(seconds, verdict.gate))
                break
    where = Where(change, live.release.described, release.described)
    culprit = tuple(_group(found, where, whole=found.edits == change.all) for found in search.found)
    seconds_used = round(time.monotonic() - began, 1)
    return Culprits(culprit, trials.tried, seconds_used, len(change.edits), "; ".join(search.notes))


def _rank(verdict: Verdict) -> int:
    return _FIRST.index(verdict.gate) if verdict.gate in _FIRST else len(_FIRST)


def _ended(seconds: float, gate: str) -> str:
    return f"the search ended after {seconds:g} s (gates_culprit_seconds), at the gate {gate}"


def _group(found: CulpritGroup, where: Where, *, whole: bool) -> CulpritSet:
    # That the whole change fails is known already.
    places = [] if whole and not found.sure else where.places(found.edits)
    fails = {gate: [failure.finding.what for failure in failed] for gate, failed in found.fails.items()}
    return CulpritSet(fails, tuple(places[:_MOST_PLACES]), found.fixes, found.sure, max(0, len(places) - _MOST_PLACES))
