"""Finds the gates, puts them in order and runs them: all whose forerunners passed, so one run shows every fault."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

from .. import gates
from ..errors import SluiceError
from ..receipt import GATES
from .model import Subject, Verdict

__all__ = ["Gate", "find_gates", "in_order", "run_gates"]


@dataclass(frozen=True)
class Gate:
    """A gate: its name, the gates that must have passed before, and what runs it."""

    name: str
    after: tuple[str, ...]
    run: Callable[[Subject], Verdict]


def _gate(name: str, module: ModuleType, where: str) -> Gate:
    run, after = getattr(module, "run", None), getattr(module, "AFTER", None)
    if not callable(run) or not isinstance(after, tuple):
        raise SluiceError(
            f"{where} is no gate: it needs AFTER, a tuple of names, and run(subject), which returns a Verdict"
        )
    return Gate(name, after, run)


def _own(path: Path) -> Gate:
    spec = importlib.util.spec_from_file_location(f"sluice_gate_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SluiceError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises is told in its own words
        raise SluiceError(f"the gate {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return _gate(path.stem, module, str(path))


def find_gates(own: Path | None = None) -> list[Gate]:
    """Find the gates of Sluice and those in the user's folder, in the order in which they run.

    Raises ``SluiceError`` for a file that is no gate, a name that is taken, or a circle.
    """
    found = [
        _gate(module.name, importlib.import_module(f"{gates.__name__}.{module.name}"), module.name)
        for module in pkgutil.iter_modules(gates.__path__)
    ]
    for path in sorted(own.glob("*.py")) if own else ():
        if path.stem in {gate.name for gate in found}:
            raise SluiceError(f"{path}: there is a gate {path.stem} already; give the file another name")
        found.append(_own(path))
    return in_order(found)


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


def _examine(gate: Gate, subject: Subject) -> Verdict:
    try:
        return subject.placed(gate.run(subject))
    except SluiceError as error:
        return Verdict("inconclusive", str(error))
    except Exception as error:  # a gate that crashes has not passed
        words = f"the gate itself failed: {type(error).__name__}: {error}"
        return Verdict("inconclusive", words, evidence={"traceback": traceback.format_exc()})


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


def run_gates(order: Sequence[Gate], subject: Subject) -> list[Verdict]:
    """Run gates in order; one whose forerunners have not all passed says so and is not run."""
    verdicts: dict[str, Verdict] = {}
    for gate in order:
        held_up = [name for name in gate.after if verdicts[name].result != "pass" or _is_decided(verdicts[name])]
        began = time.monotonic()
        if held_up:
            first = verdicts[held_up[0]]
            verdict = Verdict("not run", f"not run: {held_up[0]} {_HELD_UP[first.result]}")
        else:
            verdict = _examine(gate, subject)
        unsure = any(_is_decided(verdicts[name]) for name in gate.after)
        verdict = _decided(verdict, subject.options.decide.get(gate.name, ""), unsure=unsure)
        verdicts[gate.name] = replace(verdict, gate=gate.name, seconds=round(time.monotonic() - began, 3))
    return list(verdicts.values())
