"""Which messages a run has given reason for, by its journal alone, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Message
from .customers import for_customers
from .facts import Facts
from .team import drift_seen, for_team

__all__ = ["after_look", "after_step"]


def after_step(step: str, facts: Facts, *, link: str, service: str, open_since: str) -> list[Message]:
    """Tell what is to be said now that a step is over (``waves``: is about to begin).

    ``link`` leads to the record, ``service`` is what customers call it, and ``open_since`` is when the disruption began
    that customers were told of, or empty.
    """
    named = _named(step, facts)
    found = [for_team(event, facts, link) for event in named]
    customers = [event for event in named if event == "broken" or (event == "rolled_back" and facts.served)]
    if step == "settle" and open_since and facts.result in ("confirmed", "unchanged"):
        customers.append("resolved")
    return found + [for_customers(event, facts, service, open_since) for event in customers]


def _named(step: str, facts: Facts) -> list[str]:
    if step == "gates":
        return ["stopped"] if facts.result == "stopped" else []
    if step == "waves":
        return ["started"] if facts.changing and not facts.failed else []
    drift = ["drift"] if facts.drifted else []
    if facts.result == "stopped":
        # What stopped the run is told once.
        return drift if drift and set(facts.drifted) >= _faulty(facts) else [*drift, "stopped"]
    ended = {"confirmed": "confirmed", "rolled back": "rolled_back", "broken": "broken"}.get(facts.result)
    return [*drift, ended] if ended else drift


def _faulty(facts: Facts) -> set[str]:
    return {line.split(":", 1)[0] for line in facts.faults}


def after_look(answers: Mapping[str, Mapping[str, Any]], at: str) -> list[Message]:
    """Tell what is to be said of what hosts answered outside of a run, at the time ``at``."""
    drifted = {host: answer for host, answer in answers.items() if answer.get("drift")}
    return [drift_seen(drifted, at)] if drifted else []
