"""Which messages a run has given reason for, by its journal alone, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Message
from .customers import for_customers
from .run_so_far import RunSoFar
from .team import drift_seen, for_team

__all__ = ["after_look", "after_step"]


def after_step(step: str, run: RunSoFar, *, link: str, service: str, open_since: str) -> list[Message]:
    """Return what is to be said now that a step is over (``waves``: is about to begin).

    ``link`` leads to the record, ``service`` is what customers call it, and ``open_since`` is when the disruption began
    that customers were told of, or empty.
    """
    named = _named(step, run)
    found = [for_team(event, run, link) for event in named]
    customers = [event for event in named if event == "broken" or (event == "rolled_back" and run.served)]
    if step == "finalize" and open_since and run.result in ("confirmed", "unchanged"):
        customers.append("resolved")
    return found + [for_customers(event, run, service, open_since) for event in customers]


def _named(step: str, run: RunSoFar) -> list[str]:
    if step == "gates":
        return ["stopped"] if run.result == "stopped" else []
    if step == "waves":
        return ["started"] if run.changing and not run.failed else []
    drift = ["drift"] if run.drifted else []
    if run.result == "stopped":
        # What stopped the run is told once.
        return drift if drift and set(run.drifted) >= _faulty(run) else [*drift, "stopped"]
    ended = {"confirmed": "confirmed", "rolled back": "rolled_back", "broken": "broken"}.get(run.result)
    return [*drift, ended] if ended else drift


def _faulty(run: RunSoFar) -> set[str]:
    return {line.split(":", 1)[0] for line in run.faults}


def after_look(answers: Mapping[str, Mapping[str, Any]], at: str) -> list[Message]:
    """Return what is to be said of what hosts answered outside of a run, at the time ``at``."""
    drifted = {host: answer for host, answer in answers.items() if answer.get("drift")}
    return [drift_seen(drifted, at)] if drifted else []
