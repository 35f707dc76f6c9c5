"""Every check of the contract holds in staging. Without a contract derived checks stand in, and the verdict says so."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..behaviour.plain_requests import ResponseProblem, asked_plainly
from ..config.derive import DerivedRequest
from ..config.facts import listeners
from ..config.match import Trace, trace
from ..config.parse import Config
from ..contract.model import Check, to_json
from ..effects.reached import servers_asked
from ..textfmt import count
from ..untrusted import has_in_order
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("start",)
ON = ("stage", "live_stage")

_LOG_FAILS = re.compile(r'open\(\) "([^"]+)" failed \((?:\d+: )?([^)]+)\) while logging request')
_VARIABLE = re.compile(r"\$\{?\w+\}?")
# How the live release fails where nginx does not start from it.
_SAME = "the same lines"


def _ways(way: Trace) -> str:
    return " ← ".join(f"{met.file}:{met.line} {' '.join([met.name, *met.args])}" for met in reversed(way.met))


def _broken(subject: Subject, check: Check, outcome: Mapping[str, Any], log: Sequence[str]) -> Finding:
    _, config = subject.examined
    asked = (
        check._replace(url=outcome["chain"][-1]) if outcome["chain"] else check
    )  # after redirects, the last one is the cause
    way = _way(config, asked)
    words = [line for line in log if f'"{asked.method} {asked.target} ' in line]
    culprit = way.last
    seen = "; ".join(outcome["problems"])
    if check.protocol == "h3" and (unspoken := _unspoken(subject)):
        return replace(unspoken, what=f"{check.name}: {seen}", check=check.source)
    return Finding(
        f"{check.name}: {seen}",
        file=culprit.file if culprit else "",
        line=culprit.line if culprit else 0,
        check=check.source,
        expected=f"{check.words} as {check.source} says",
        actual=_ways(way),
        nginx=words[0] if words else "",
    )


def _unspoken(subject: Subject) -> Finding | None:
    """Return why staging can say nothing of HTTP/3; nothing where it can."""
    stage = subject.staged
    words = stage.run("nginx", "-V").output
    if "--with-http_v3_module" not in words:
        lines = words.splitlines()
        version = next((line for line in lines if line.startswith("nginx version")), "an unknown nginx")
        return Finding(
            "",
            expected="an nginx that speaks HTTP/3: 1.25.0 or newer, built --with-http_v3_module",
            actual=f"staging has {version.removeprefix('nginx version: ')}, which does not",
            fix="set staging_platform to what production has, as debian-13; or take the check out until hosts speak it",
        )
    if not stage.lacks:
        return None
    return Finding(
        "",
        expected="a judge that speaks HTTP/3",
        actual=f"staging cannot have it: {stage.lacks}",
        fix="let the controller's Docker reach the distribution's packages; Debian 13 has python3-aioquic",
    )


def _way(config: Config, check: Check) -> Trace:
    """Return the directives that decide over a check; of a stream its listener and where it leads."""
    if check.protocol not in ("tcp", "udp"):
        return trace(config, check.host, check.port, check.target.split("?")[0])
    for server in (each for block in config.directives if block.name == "stream" for each in block.children("server")):
        for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
            if listen.port == check.port and ("udp" in directive.args) == (check.protocol == "udp"):
                return Trace([directive, *server.children("proxy_pass")])
    return Trace([])


def _derived(problem: ResponseProblem, before: str) -> Finding:
    """Return a problem as a finding; ``before`` is what the live release answers, where that is a problem as well."""
    culprit = problem.way.last
    place = (culprit.file, culprit.line) if culprit else ("", 0)
    alike = " (the live release has the same lines)" if before == _SAME else " (the live release answers alike)"
    also = " (staging may be the cause)" if problem.environment else alike if before else ""
    return Finding(
        f"{problem.request.words}: {problem.what}{also}",
        file=place[0],
        line=place[1],
        expected=f"{problem.request.words}, derived from {problem.request.place}, answers",
        actual=_ways(problem.way),
        nginx=problem.nginx,
        warning=problem.environment or bool(before),
    )


def _unlogged(subject: Subject, errors: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each ``access_log`` with a variable that workers cannot open, which they do for each request.

    A change from a live release shows it in ``reload``, which has both.
    """
    if subject.live is not None:
        return
    _, config = subject.examined
    logs = [each for each in config.named("access_log") if each.args and "$" in each.args[0]]
    said = set[int]()
    for line in errors:
        found = _LOG_FAILS.search(line)
        directive = next((each for each in logs if found and _writes(each.args[0], found[1])), None)
        if found and directive and id(directive) not in said:
            said.add(id(directive))
            yield Finding(
                f"workers cannot open the access log {directive.args[0]}: {found[2]}",
                file=directive.file,
                line=directive.line,
                expected="a log that the user of the workers can create",
                actual=found[1],
                fix=f"let that user write to {posixpath.dirname(found[1])}, or log to one file without a variable",
                nginx=line,
            )


def _writes(path: str, name: str) -> bool:
    return has_in_order(name, _VARIABLE.split(path))


def _without_contract(subject: Subject) -> Verdict:
    _, config = subject.examined
    selection = servers_asked(subject)
    requests, asked, problems = asked_plainly(subject.staged, config, selection=selection)
    if not requests:
        return Verdict(
            "fail", "no request could be made: there is no contract, and nothing that listens to derive checks from"
        )
    outcomes = [{"request": request.words, **answer} for request, answer in zip(requests, asked.answers, strict=True)]
    before = _of_live(subject, [problem.request for problem in problems if not problem.environment])
    before |= {_key(problem.request): _SAME for problem in _unchanged(subject, problems)}
    findings = [_derived(problem, before.get(_key(problem.request), "")) for problem in problems]
    findings += _unlogged(subject, asked.errors)
    nothing = all("fault" in answer for answer in asked.answers)
    if nothing and problems and all(finding.warning for finding in findings):
        findings.insert(0, Finding(f"none of {count(len(requests), 'derived request')} was answered"))
    good = f"{len(requests) - len(problems)} derived checks hold; there is no contract: write nginx_checks"
    if before:
        good += f"; {len(before)} more fail as in the live release"
    if selection.words:
        good += f"; {selection.words}"
    return Verdict.of(findings, good, outcomes=outcomes, derived=True, errors=asked.errors, sample=selection.to_json())


def _unchanged(subject: Subject, problems: Sequence[ResponseProblem]) -> Iterator[ResponseProblem]:
    """Yield the problems on whose way each line stands in the live release, where that starts nowhere and tells
    nothing.
    """
    if subject.live is None or not subject.live_fault:
        return
    lines = {(each.file, each.text) for each in subject.live.config.walk()}
    yield from (each for each in problems if all((met.file, met.text) in lines for met in each.way.met))


def _of_live(subject: Subject, requests: Sequence[DerivedRequest]) -> dict[tuple[object, ...], str]:
    """Return which of the requests the live release fails as well, with how: no change is the cause for those."""
    if not requests or subject.live is None or subject.live_fault:
        return {}
    stage = subject.staged if subject.is_live else subject.staged_live
    problems = asked_plainly(stage, subject.live.config, requests)[2]
    return {_key(problem.request): problem.what for problem in problems}


def _key(request: DerivedRequest) -> tuple[object, ...]:
    """What is asked, without the line that suggests it."""
    return request[:-2]


def run(subject: Subject) -> Verdict:
    """Ask everything, and fail for each check that does not hold. No request made is a failure."""
    checks = list(subject.contract)
    if not checks:
        return _without_contract(subject)
    answer = subject.staged.ask("checks", [to_json(check) for check in checks])
    outcomes = answer["outcomes"]
    findings = [
        _broken(subject, check, outcome, answer["errors"])
        for check, outcome in zip(checks, outcomes, strict=True)
        if not outcome["ok"]
    ]
    findings += _unlogged(subject, answer["errors"])
    return Verdict.of(
        findings, f"{len(outcomes)} checks hold", outcomes=outcomes, derived=False, errors=answer["errors"]
    )
