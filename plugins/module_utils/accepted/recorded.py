"""What a person can let pass of what a run found, read from its record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import SluiceError
from ..textfmt import cut, listed, place
from .judging import refusal
from .model import GATES, NOTHING, AcceptedChange, FindingKey, covered, key_of, read_changes

__all__ = ["changes_of", "faults_of"]

_Row = Mapping[str, Any]
_Rows = dict[tuple[str, str], dict[FindingKey, dict[str, Any]]]
_MOST_TOLD = 5


def faults_of(verdicts: Iterable[_Row]) -> Iterator[tuple[str, _Row | None, str]]:
    """Yield what keeps verdicts from passing: the gate, the finding or None, and why nobody may let it pass, or
    nothing.
    """
    for verdict in verdicts:
        gate, result = str(verdict["gate"]), verdict["result"]
        if result == "inconclusive":
            yield gate, None, f"the gate {gate} is inconclusive; say in gates_waivers why it counts as passed"
        if result != "fail":
            continue
        faults = [finding for finding in verdict["findings"] if not finding.get("warning")]
        derived = verdict["evidence"].get("derived") is True
        for finding in faults or [None]:
            yield gate, finding, refusal(gate, finding, derived=derived)


def changes_of(record: _Row, known: Sequence[AcceptedChange], who: str, when: str, reason: str) -> list[AcceptedChange]:
    """Return the entries for what a run found, without what is ``known`` already; releases with the same findings share
    one.

    It is all or nothing: where something cannot be accepted, the change does not pass, and another one has other ids.
    Raises ``SluiceError``, which says what is in the way, or that there is nothing to accept.
    """
    run = str(record["run"]["id"])
    rows: _Rows = {}
    refused: dict[str, str] = {}
    failed = False
    for release in record["releases"]:
        for gate, finding, why in faults_of(release["verdicts"]):
            failed = True
            if why or finding is None:
                refused.setdefault(why, _words(gate, finding))
            elif release["release"]:
                _note(rows.setdefault((release["live"] or NOTHING, release["release"]), {}), gate, finding)
    if refused:
        told = [f"{what}: {why}" if what else why for why, what in list(refused.items())[:_MOST_TOLD]]
        more = [f"and {len(refused) - _MOST_TOLD:,} more"] if len(refused) > _MOST_TOLD else []
        raise SluiceError("\n".join([f"run {run} found what cannot be accepted, so nothing was written", *told, *more]))
    if not failed:
        raise SluiceError(
            f"the gates found nothing in run {run} that is to be accepted ({record['outcome']}); give the run that was "
            f"stopped by {listed(GATES, last=' or ')}"
        )
    alike: dict[frozenset[FindingKey], list[tuple[str, str]]] = {}
    for pair, keys in rows.items():
        if new := frozenset(keys.keys() - covered(known, *pair).keys()):
            alike.setdefault(new, []).append(pair)
    found = [
        {
            "run": run,
            "changes": [{"live": live, "candidate": candidate} for live, candidate in pairs],
            "who": who,
            "when": when,
            "reason": reason,
            "findings": [
                {**row, "lines": _lines(rows, pairs, each)} for each, row in rows[pairs[0]].items() if each in new
            ],
        }
        for new, pairs in alike.items()
    ]
    return list(read_changes(found, f"run {run}"))


def _lines(rows: _Rows, pairs: Sequence[tuple[str, str]], key: FindingKey) -> list[int]:
    """Return where a finding stands, in any of the releases that have it."""
    return sorted({line for pair in pairs for line in rows[pair][key]["lines"]})


def _note(keys: dict[FindingKey, dict[str, Any]], gate: str, finding: _Row) -> None:
    """Note a finding, or one more line of it."""
    names = ("file", "what", "expected", "actual")
    texts = {name: finding[name] for name in names if finding.get(name)}
    row = keys.setdefault(
        key_of(gate, finding.get("file"), finding["what"], finding.get("expected"), finding.get("actual")),
        {"gate": gate, **texts, "lines": []},
    )
    line = int(finding.get("line") or 0)
    if line > 0 and line not in row["lines"]:
        row["lines"].append(line)


def _words(gate: str, finding: _Row | None) -> str:
    if finding is None:
        return ""
    return cut(": ".join(filter(None, (gate, place(finding), str(finding["what"])))), 200)
