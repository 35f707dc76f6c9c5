"""Every check of the contract holds in staging. Without a contract derived checks stand in, and the verdict says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..config.derive import derive, leads_away
from ..config.match import trace
from ..contract.model import Check, to_json
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("start",)


def _finding(subject: Subject, check: Check, outcome: Mapping[str, Any], log: Sequence[str]) -> Finding:
    _, config = subject.examined
    asked = (
        replace(check, url=outcome["chain"][-1]) if outcome["chain"] else check
    )  # after redirects, the last one is to blame
    way = trace(config, asked.host, asked.port, asked.target.split("?")[0])
    words = [line for line in log if f'"{asked.method} {asked.target} ' in line]
    blamed = way.last
    seen = "; ".join(outcome["problems"])
    return Finding(
        f"{check.name}: {seen}",
        file=blamed.file if blamed else "",
        line=blamed.line if blamed else 0,
        check=check.source,
        expected=f"{check.method} {check.url} as {check.source or 'derived'} says",
        seen=" ← ".join(f"{met.file}:{met.line} {' '.join([met.name, *met.args])}" for met in reversed(way.met)),
        nginx=words[0] if words else "",
    )


def run(subject: Subject) -> Verdict:
    """Ask everything, and fail for each check that does not hold. No request made is a failure."""
    _, config = subject.examined
    derived = not subject.contract
    checks = list(derive(config) if derived else subject.contract)
    if not checks:
        return Verdict(
            "fail", "no request could be made: there is no contract, and nothing that listens to derive checks from"
        )
    answer = subject.staged.ask("checks", [to_json(check) for check in checks])
    outcomes = answer["outcomes"]
    findings = [
        _finding(subject, check, outcome, answer["errors"])
        for check, outcome in zip(checks, outcomes, strict=True)
        if not outcome["ok"] and not (derived and leads_away(outcome))
    ]
    good = (
        f"{len(outcomes)} derived checks hold; there is no contract: write nginx_checks"
        if derived
        else f"{len(outcomes)} checks hold"
    )
    return Verdict.of(findings, good, outcomes=outcomes, derived=derived, errors=answer["errors"])
