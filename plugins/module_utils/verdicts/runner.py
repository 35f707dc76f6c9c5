"""Puts gates in order and runs them: all whose forerunners passed, so one run shows every fault.

Gates that do not work on the same stage run side by side.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..errors import InputError, SluiceError
from ..receipt import GATES
from .model import Subject, Verdict
from .watching import UNWATCHED, Watcher

__all__ = ["STAGES", "Gate", "in_order", "read_waivers", "run_gates"]

STAGES = ("stage", "live_stage")
"""What gates work on; two that work on the same one wait for each other."""


@dataclass(frozen=True)
class Gate:
    """A gate: its name, the gates that must have passed before, what runs it, and which stages it has for itself.

    ``behind`` are the gates that must have ended before, whatever they said. ``prepare`` is what can be worked out
    without a stage: it runs while the forerunners that need one are at work, and ``run`` gets what it returns as well.
    """

    name: str
    after: tuple[str, ...]
    run: Callable[..., Verdict]
    on: tuple[str, ...] = STAGES
    behind: tuple[str, ...] = ()
    prepare: Callable[[Subject], Any] | None = None


def in_order(found: Iterable[Gate]) -> list[Gate]:
    """Sort gates so that each comes after its forerunners, a user's own last.

    Raises ``SluiceError`` where that cannot be.
    """
    rank = {name: number for number, name in enumerate(GATES)}
    known = sorted(found, key=lambda gate: (rank.get(gate.name, len(rank)), gate.name))
    by_name = {gate.name: gate for gate in known}
    for gate in by_name.values():
        for name in gate.after:
            if name not in by_name:
                raise SluiceError(
                    f"the gate {gate.name} runs after {name}, and there is no such gate; there are {', '.join(by_name)}"
                )
    try:
        names = list(TopologicalSorter({gate.name: gate.after for gate in by_name.values()}).static_order())
    except CycleError as error:
        raise SluiceError(f"gates wait for each other: {' → '.join(error.args[1])}") from error
    return [by_name[name] for name in names]


def read_waivers(reasons: Mapping[str, Any], gates: Sequence[Gate]) -> Mapping[str, str]:
    """Read ``gates_waivers``, reasons by the names of gates. Raises ``InputError``: a blank one would decide
    nothing.
    """
    known = [gate.name for gate in gates]
    for name, reason in reasons.items():
        where = f"gates_waivers.{name}"
        if name not in known:
            raise InputError(where, f"there is no gate {name}; there are {', '.join(known)}")
        if not isinstance(reason, str) or not reason.strip():
            raise InputError(where, f"{reason!r} is no reason; write in words why the gate counts as passed")
    return reasons


def _examine(gate: Gate, subject: Subject, prepared: Future[Any] | None) -> Verdict:
    began = time.monotonic()
    try:
        said = gate.run(subject, *((prepared.result(),) if prepared else ()))
        if not isinstance(said, Verdict):
            raise SluiceError(f"the gate {gate.name} returned {said!r:.80}; run(subject) returns a Verdict")
        verdict = subject.placed(said)
    except SluiceError as error:
        verdict = Verdict("inconclusive", str(error))
    except Exception as error:  # a gate that crashes has not passed
        words = f"the gate itself failed: {type(error).__name__}: {error}"
        verdict = Verdict("inconclusive", words, evidence={"traceback": traceback.format_exc()})
    return replace(verdict, seconds=round(time.monotonic() - began, 3))


# What is said of the gate that another one waits for; one that passed by decision has not been run through.
_HELD_UP = {"pass": "is inconclusive", "inconclusive": "is inconclusive", "fail": "failed", "not run": "was not run"}


def _is_decided(verdict: Verdict) -> bool:
    return "decided" in verdict.evidence


def _decided(verdict: Verdict, reason: str, *, unsure: bool) -> Verdict:
    """Let the user's reason stand for an answer that staging cannot give. What failed stays failed.

    ``unsure`` says that the gate was not run because a forerunner's answer was decided so.
    """
    if not reason or not (verdict.result == "inconclusive" or (verdict.result == "not run" and unsure)):
        return verdict
    findings = [replace(finding, warning=True) for finding in verdict.findings]
    evidence = {**verdict.evidence, "decided": reason}
    return replace(
        verdict, result="pass", summary=f"decided: {reason} ({verdict.summary})", findings=findings, evidence=evidence
    )


def _as_it_is(verdict: Verdict) -> Verdict:
    return verdict


def run_gates(
    order: Sequence[Gate],
    subject: Subject,
    judge: Callable[[Verdict], Verdict] = _as_it_is,
    watcher: Watcher = UNWATCHED,
) -> list[Verdict]:
    """Run gates; one whose forerunners have not all passed says so and is not run. The verdicts are in their order.

    ``judge`` has the last word on each verdict, before others that wait for it are run. ``watcher`` is told of each as
    it falls.
    """
    verdicts: dict[str, Verdict] = {}

    def fell(gate: Gate, verdict: Verdict) -> None:
        verdicts[gate.name] = judge(_finalized(gate, verdict, subject, verdicts))
        watcher.fell(verdicts[gate.name])

    early, prepared = _early(order), dict[str, Future[Any]]()
    # What others wait for goes first, since they could run beside the rest.
    first = {name for gate in order for name in gate.behind}
    left, running = sorted(order, key=lambda gate: gate.name not in first), dict[Future[Verdict], Gate]()
    names = {gate.name for gate in order}
    with ThreadPoolExecutor(len(order) + len(early) + 1) as pool:
        while left or running:
            for gate, wanted in early:
                if gate.prepare and gate.name not in prepared and _passed(wanted, verdicts):
                    prepared[gate.name] = pool.submit(gate.prepare, subject)
            for gate in [gate for gate in left if {*gate.after, *(names & {*gate.behind})} <= verdicts.keys()]:
                held_up = _held_up(gate, verdicts)
                taken = {each for other in running.values() for each in _taken(other, subject)}
                if held_up is not None:
                    fell(gate, held_up)
                elif not taken & _taken(gate, subject):
                    watcher.began(gate.name, _asked(gate, subject))
                    running[pool.submit(_examine, gate, subject, prepared.get(gate.name))] = gate
                else:
                    continue
                left.remove(gate)
            if left and not running and not any(name in verdicts for gate in left for name in gate.after):
                raise ValueError(f"gates wait for others that are not there: {', '.join(gate.name for gate in left)}")
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                gate = running.pop(done)
                fell(gate, done.result())
    return [verdicts[gate.name] for gate in order]


def _early(order: Sequence[Gate]) -> list[tuple[Gate, set[str]]]:
    """Return the gates that prepare, each with its forerunners, the first of them too, that need no stage."""
    gates = {gate.name: gate for gate in order}
    before: dict[str, set[str]] = {}
    for gate in order:
        before[gate.name] = {*gate.after}.union(*(before.get(name, set()) for name in gate.after))
    return [
        (gate, {name for name in before[gate.name] if name in gates and not gates[name].on})
        for gate in order
        if gate.prepare
    ]


def _passed(names: Iterable[str], verdicts: Mapping[str, Verdict]) -> bool:
    return all(name in verdicts and verdicts[name].result == "pass" for name in names)


def _taken(gate: Gate, subject: Subject) -> set[str]:
    """What a gate has for itself. Where nothing else is live, one stage is both."""
    return {"stage" if subject.live_stage is None else name for name in gate.on}


def _asked(gate: Gate, subject: Subject) -> Callable[[], int]:
    """How many requests a gate has made so far: those of the stages that it has for itself."""
    stages = [stage for stage in (getattr(subject, name) for name in _taken(gate, subject)) if stage is not None]

    def so_far() -> int:
        return sum(stage.asked for stage in stages)

    before = so_far()
    return lambda: so_far() - before


def _held_up(gate: Gate, verdicts: Mapping[str, Verdict]) -> Verdict | None:
    """What is said of a gate whose forerunners have not all passed."""
    for name in gate.after:
        if verdicts[name].result != "pass" or _is_decided(verdicts[name]):
            return Verdict("not run", f"not run: {name} {_HELD_UP[verdicts[name].result]}")
    return None


def _finalized(gate: Gate, verdict: Verdict, subject: Subject, verdicts: Mapping[str, Verdict]) -> Verdict:
    unsure = any(_is_decided(verdicts[name]) for name in gate.after)
    decided = _decided(verdict, subject.options.decide.get(gate.name, ""), unsure=unsure)
    return replace(decided, gate=gate.name)
