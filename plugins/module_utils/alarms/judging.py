"""What alarms mean for a run: those that burn before it, and those that begin on hosts that it has switched. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..textfmt import cut, listed

if TYPE_CHECKING:
    from .asking import Burning, Look

__all__ = ["PHASE", "before", "during"]

PHASE = "alarms"
_MOST, _MOST_LETTERS = 5, 500
_TOLD = "rollout_alarms"


def before(looks: Sequence[Look]) -> dict[str, Any]:
    """Return what the journal notes before the first wave: all that burns, and a problem for what stops the run."""
    problems = [_unasked(look) for look in looks if look.trouble]
    for look in looks:
        if look.burning and look.row.burning == "refuse":
            problems.append(
                {
                    "what": f"{look.row.title} burns already: {_told(look.burning)}",
                    "expected": "an alarm that is quiet before the first wave",
                    "fix": f"see to it first, or set `burning: ignore` at {look.row.source}",
                }
            )
    known = [burning.key for look in looks for burning in look.burning]
    return {"operation": PHASE, "ok": not problems, "burning": known, "problems": problems}


def during(
    looks: Sequence[Look], known: Collection[str], switched: Collection[str], hosts: Collection[str], *, last: bool
) -> dict[str, Any]:
    """Return what is to be noted while hosts bake: a problem for what began to burn and may be due to this run.

    ``known`` burned before the first wave. What names another one of the run's ``hosts`` than those that are
    ``switched`` is only a warning. An alarm that cannot be asked is a problem at the ``last`` look of a wave.
    """
    problems, warnings = [], []
    for look in looks:
        new = [burning for burning in look.burning if burning.key not in known]
        named = [(burning, _host(burning, look.row.host_label, hosts)) for burning in new]
        ours = [burning for burning, host in named if host is None or host in switched]
        others = [burning for burning, host in named if not (host is None or host in switched)]
        if ours:
            expected = "an alarm that stays quiet while hosts are pending"
            problems.append({"what": f"{look.row.title} has begun to burn: {_told(ours)}", "expected": expected})
        if others:
            warnings.append(f"{look.row.title} has begun to burn on hosts that are not switched: {_told(others)}")
        if look.trouble:
            problem = _unasked(look)
            problems += [problem] if last else []
            warnings += [] if last else [problem["what"]]
    return {"operation": PHASE, "ok": not problems, "problems": problems, "warnings": warnings}


def _unasked(look: Look) -> dict[str, Any]:
    do = f"fix it, or take {look.row.source} out of {_TOLD}"
    return {"what": f"{look.row.title} cannot be asked: {look.trouble}", "expected": "an answer", "fix": do}


def _host(burning: Burning, label: str, hosts: Collection[str]) -> str | None:
    """Return which of ``hosts`` something that burns is about; None where it names none of them."""
    value = dict(burning.labels).get(label, "")
    for name in (value, value.rpartition(":")[0]):
        if name in hosts:
            return name
    return None


def _told(burning: Sequence[Burning]) -> str:
    return listed([_one(each) for each in burning], _MOST)


def _one(burning: Burning) -> str:
    labels = cut(", ".join(f"{name}={value}" for name, value in burning.labels), _MOST_LETTERS)
    return " ".join(part for part in (f"{{{labels}}}" if labels else "", burning.text) if part)
