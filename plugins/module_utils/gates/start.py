"""nginx starts cold from the release in staging, and its workers stay: the next boot does just that."""

from __future__ import annotations

from ..config.facts import facts
from ..config.parse import Config
from ..environment.inside.running import OF_THE_CONTAINER
from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("syntax",)
ON = ("stage",)

_GRAVE = ("[emerg]", "[alert]", "[crit]")
# More than most machines have cores.
_MANY_WORKERS = 64


def run(subject: Subject) -> Verdict:
    """Fail when nginx does not start, when its workers die, or when it logs something grave."""
    _, config = subject.examined
    answer = subject.staged.start()
    findings = [
        Finding(
            "the container of staging may not raise a limit" if mild else "nginx logs a grave error at its start",
            nginx=line,
            warning=mild,
        )
        for line in answer["errors"]
        if any(word in line for word in _GRAVE)
        for mild in [any(word in line for word in OF_THE_CONTAINER)]
    ]
    if answer["code"]:
        findings.insert(0, Finding(f"nginx does not start: it ended with {answer['code']}", nginx=answer["words"]))
    elif not answer["master"] or not answer["workers"]:
        findings.insert(
            0, Finding("nginx has no worker after its start", expected="at least 1", actual="0", nginx=answer["words"])
        )
    elif answer["replaced"]:
        findings.insert(
            0,
            Finding(
                "nginx's workers die after its start",
                expected="the same workers for 0.5 s",
                actual=f"{answer['replaced']} replaced",
            ),
        )
    findings += _many_workers(config, len(answer["workers"]))
    return Verdict.of(
        findings, f"started with {count(len(answer['workers']), 'worker')} in {answer['seconds']} s", **answer
    )


def _many_workers(config: Config, started: int) -> list[Finding]:
    named = facts(config)["worker_processes"]
    # On a busy machine some of them are seen later.
    number = int(named) if named.isdecimal() and named.isascii() else started
    if named == "auto" or number <= _MANY_WORKERS:
        return []
    place = next((each for each in config.directives if each.name == "worker_processes"), None)
    return [
        Finding(
            f"nginx starts {number} workers, and each holds the whole configuration in memory",
            file=place.file if place else "",
            line=place.line if place else 0,
            expected=f"about as many as the machine has cores, at most {_MANY_WORKERS}",
            actual=str(number),
            fix="worker_processes auto starts one for each core",
            warning=True,
        )
    ]
