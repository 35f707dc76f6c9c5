"""Proposes a check for every block that no check reaches, and writes them to be pasted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from ..paste import comment, flow
from ..textfmt import count
from ..verdicts.model import Subject, Verdict
from ..verdicts.runner import Gate
from .instrument import instrument
from .measure import Coverage, session
from .propose import propose, to_yaml

__all__ = ["SUGGEST", "suggestions_text"]

_KINDS = ("server", "location", "if", "limit_except")
_OF_SITES = "site.conf.j2"


def _run(subject: Subject) -> Verdict:
    """Ask the contract, and then what may reach the rest. It runs as a gate does and judges nothing."""
    release, config = subject.examined
    copy = instrument(config, release.tree)
    if not copy.blocks:
        return Verdict("pass", "there is no server of http")
    with session(subject.staged, copy) as served:
        _, answered = served.ask(subject.contract)
        covered = Coverage(copy.blocks, answered, [check.name for check in subject.contract])
        missed = covered.missed(*_KINDS)
        proposals = propose(served, missed)
    rows = [
        {"site": _site(subject, block.file), "yaml": to_yaml([proposals[block.number]])}
        for block in missed
        if block.number in proposals
    ]
    unreached = [f"{block.words}, {block.place}" for block in missed if block.number not in proposals]
    words = f"{count(len(missed), 'block')} without a check, {count(len(subject.contract), 'check')} there"
    return Verdict("pass", words, evidence={"rows": rows, "unreached": unreached})


def _site(subject: Subject, file: str) -> str:
    """The typed site that a file was made from; empty for what came from the raw tree."""
    made = PurePosixPath(subject.origins.get(file, "")).name == _OF_SITES
    return PurePosixPath(file).stem if made else ""


SUGGEST = Gate("suggest", ("start",), _run)


def suggestions_text(suggested: Iterable[Verdict]) -> str:
    """Return what was proposed for all releases, as YAML with comments, each check once."""
    told: dict[str, dict[str, None]] = {}
    unreached: dict[str, None] = {}
    for each in suggested:
        evidence = each.evidence
        for row in evidence.get("rows", ()):
            told.setdefault(row["site"], {})[row["yaml"]] = None
        unreached |= dict.fromkeys(evidence.get("unreached", ()))
    parts = []
    if sites := [site for site in told if site]:
        parts.append("nginx_sites:")
        for site in sites:
            parts += [f"  - name: {flow(site)}", "    checks:", _indented("".join(told[site]), 6)]
    if "" in told:
        parts += ["nginx_checks:", _indented("".join(told[""]), 2)]
    if unreached:
        parts += ["# No plain request was found that reaches:", *(comment(f"  {words}") for words in unreached)]
    return "\n".join(parts) if parts else "# Every block that can answer is reached by a check."


def _indented(text: str, columns: int) -> str:
    return "\n".join(" " * columns + line for line in text.rstrip().splitlines())
