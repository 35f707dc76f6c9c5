"""The evidence of one run: which hosts are asked to count, and what their answers add. Pure: no host is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .judging import PHASE, Counts, Evidence, begin

__all__ = ["HISTORY", "EvidenceOfRun", "sample"]

HISTORY: Mapping[str, float] = {"ago": 600, "width": 60}
"""What is asked before the first wave: the last ten minutes, minute by minute."""

_MOST = {"switched": 50, "others": 20}
"""So many hosts of each kind are asked to count: more would say little more, and cost a round of the whole fleet."""

_Answers = Mapping[str, Mapping[str, Any]]


def sample(hosts: Sequence[str], kind: str, known: Sequence[str] = ()) -> list[str]:
    """Choose the hosts of a kind that count, evenly among them; those that are ``known`` go on counting."""
    kept = [host for host in hosts if host in known][: _MOST[kind]]
    rest = [host for host in hosts if host not in known]
    room = _MOST[kind] - len(kept)
    if len(rest) <= room:
        return kept + rest
    return kept + [rest[len(rest) * number // room] for number in range(room)]


class EvidenceOfRun:
    """Reads its state from the journal, and returns what is to be noted there."""

    def __init__(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """``answers`` are those of the journal's events of this phase."""
        last = next((each for each in reversed(answers) if "state" in each), None)
        self.evidence = Evidence.of(last["state"]) if last else None
        self._cursors: dict[str, list[Any]] = dict(last["cursors"]) if last else {}

    def begin(self, answers: _Answers, wave: Sequence[str]) -> dict[str, Any]:
        """Begin with the minutes before the first ``wave``."""
        hosts = [host for host, answer in answers.items() if answer.get("ok") and answer.get("known")]
        minutes = min((len(answers[host]["slots"]) for host in hosts), default=0)
        history = [[Counts.of(answers[host]["slots"][minute]) for host in hosts] for minute in range(minutes)]
        canaries = [number for number, host in enumerate(hosts) if host in wave]
        self.evidence = begin(history, canaries)
        self._cursors = {host: [answers[host]["end"], "others"] for host in hosts}
        return self._noted([])

    def wanted(self, switched: Sequence[str], others: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what hosts are asked now; nothing where there is nobody to compare with."""
        if self.evidence is None or not switched or not others:
            return {}
        known = list(self._cursors)
        hosts = [*sample(switched, "switched", known), *sample(others, "others", known)]
        # Who has not counted yet begins with this look.
        return {host: {"start": self._cursors[host][0]} if host in self._cursors else {"ago": 0} for host in hosts}

    def look(self, answers: _Answers, switched: Sequence[str]) -> list[dict[str, str]]:
        """Add what came in since the last look; returns what is worse on switched hosts, beyond chance."""
        if self.evidence is None:
            return []
        both = {"switched": Counts(), "others": Counts()}
        seconds = []
        here = frozenset(switched)
        for host, answer in answers.items():
            if not (answer.get("ok") and answer.get("known")):
                continue
            kind = "switched" if host in here else "others"
            begun, before = self._cursors.get(host, [answer["end"], ""])
            # A host that was switched since has had visitors on both releases.
            if before == kind:
                for slot in answer["slots"]:
                    both[kind].add(Counts.of(slot))
                seconds += [answer["end"] - begun] if kind == "switched" else []
            self._cursors[host] = [answer["end"], kind]
        if seconds:
            self.evidence.add(both["switched"], both["others"], sum(seconds) / len(seconds))
        return self.evidence.problems()

    def noted(self, problems: list[dict[str, str]]) -> dict[str, Any]:
        """Return what the journal notes at the end of a bake, with a warning where too little came in to tell."""
        warning = self.evidence.too_little() if self.evidence and not problems else ""
        return {**self._noted(problems), "warnings": [warning] if warning else []}

    def _noted(self, problems: list[dict[str, str]]) -> dict[str, Any]:
        state = self.evidence.to_json() if self.evidence else None
        return {
            "operation": PHASE,
            "ok": not problems,
            "problems": problems,
            "state": state,
            "cursors": self._cursors,
        }
