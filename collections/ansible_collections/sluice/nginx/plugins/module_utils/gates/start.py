"""nginx starts cold from the release in staging, and its workers stay: the next boot does just that."""

from __future__ import annotations

from ..verdicts.model import Finding, Subject, Verdict
from ..words import count
from ..world.inside.running import OF_THE_CONTAINER

AFTER = ("syntax",)
ON = ("stage",)

_GRAVE = ("[emerg]", "[alert]", "[crit]")


def run(subject: Subject) -> Verdict:
    """Fail when nginx does not start, when its workers die, or when it logs something grave."""
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
            0, Finding("nginx has no worker after its start", expected="at least 1", seen="0", nginx=answer["words"])
        )
    elif answer["replaced"]:
        findings.insert(
            0,
            Finding(
                "nginx's workers die after its start",
                expected="the same workers for 0.5 s",
                seen=f"{answer['replaced']} replaced",
            ),
        )
    return Verdict.of(
        findings, f"started with {count(len(answer['workers']), 'worker')} in {answer['seconds']} s", **answer
    )
