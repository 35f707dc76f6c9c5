"""What makes a failure the same one in two trees: what was found, and neither where nor what came instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..verdicts.model import Finding, Verdict

__all__ = ["GateFailure", "all_respects", "failures", "respects"]

# What came instead of what was expected, the way of a loop, the lines that are behind, and where.
_VARYING = re.compile(
    r"(?:, (?:got|it saw|took) |: (?=\S+ → )|(?<=redirects): ).*?(?=; (?:expected|at the upstream|redirect)|$)"
    r"| \([^()]*\)$"
    r"|(?<=\w):\d+\b"
)
_LOGGED = re.compile(r"^[\d/]+ [\d:]+ |\b\d+#\d+: |\*\d+ ")
# Their findings are told apart by nothing but the words of nginx.
_BY_WORDS = ("start", "reload")


@dataclass(frozen=True)
class GateFailure:
    """A finding that fails a gate, and in which respects. Another one in one of them is the same failure."""

    finding: Finding
    respects: frozenset[str]


def respects(gate: str, finding: Finding) -> frozenset[str]:
    """What the finding is about, in words that do not change with the rest of the tree.

    A check that is missed in several respects has several: parts of a change miss it in some of them.
    """
    if gate == "verify" and finding.check:
        # What a test of the user's says when it fails is its own affair.
        return frozenset({finding.check})
    what = _VARYING.sub("", finding.what)
    name, _, problems = what.partition(": ")
    each = problems.split("; ") if gate == "smoke" and problems else [what]
    head = [finding.check, name] if gate == "smoke" and problems else [finding.check]
    words = [_LOGGED.sub("", finding.nginx)] if gate in _BY_WORDS else []
    return frozenset(" · ".join(part for part in (*head, problem, *words) if part) for problem in each)


def failures(verdict: Verdict) -> Sequence[GateFailure]:
    """What fails the gate, each once; nothing where the verdict is another one."""
    if verdict.result != "fail":
        return ()
    faults = [finding for finding in verdict.findings if not finding.warning] or [Finding(verdict.summary)]
    found: dict[frozenset[str], GateFailure] = {}
    for finding in faults:
        about = respects(verdict.gate, finding)
        found.setdefault(about, GateFailure(finding, about))
    return list(found.values())


def all_respects(verdict: Verdict) -> frozenset[str]:
    """All respects in which a gate failed."""
    return frozenset().union(*(failure.respects for failure in failures(verdict)))
