"""Asking a release its contract. What fails in that is an outcome: it says nothing about how nginx serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from .quic import why_lost

if TYPE_CHECKING:
    from .protocol import Json
    from .session import Session

__all__ = ["ask", "contract_of", "not_asked"]

_MOST_NAMED = 5


def contract_of(session: Session, meta: Json) -> list[Json]:
    """Return the checks that are stored with a release; none where what is stored is no list."""
    contract = meta.get("contract") or []
    if isinstance(contract, list):
        return contract
    session.warn(f"the contract of release {str(meta.get('id'))[:12]} cannot be read, so no check is made")
    return []


def ask(
    session: Session, contract: list[Json], timeout: float, noted: Callable[[Json], None] | None = None
) -> list[Json]:
    """Ask a contract, each request within ``timeout`` seconds; returns an outcome for each check, in its order.

    ``noted`` gets each outcome as soon as it is there, on any thread. No fault of ours in asking or judging is raised:
    it is the outcome of every check that has none.
    """
    if not contract:
        return []
    why = ""
    outcomes: list[Json] = []
    try:
        outcomes = session.system.ask(contract, timeout, noted, lambda: why_lost(session))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    missing = not_asked(contract[len(outcomes) :], why or "nothing came of it")
    if noted is not None:
        for outcome in missing:
            noted(outcome)
    _warn_of_untested(session, outcomes)
    return outcomes + missing


def _warn_of_untested(session: Session, outcomes: list[Json]) -> None:
    """Say which checks were not asked here, and why: they hold nobody to anything, and nobody may think they do."""
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.get("untested"):
            reasons.setdefault(str(outcome["untested"]), []).append(str(outcome["name"]))
    for why, names in reasons.items():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        session.warn(f"not tested on this host: {', '.join(names[:_MOST_NAMED])}{more}; {why}")


def not_asked(contract: list[Json], why: str) -> list[Json]:
    """Return the outcomes of checks that could not be asked: none of them holds."""
    # Here, as checks are only asked in some operations.
    from ..contract.client import unjudged

    names = [str(row.get("name", "")) if isinstance(row, dict) else "" for row in contract]
    return [unjudged(name, why).to_json() for name in names]
