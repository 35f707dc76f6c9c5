"""Drills: rollbacks, rehearsed on one host of production with a release that changes nothing. Pure but for the
record of a drill, ``.sluice/drills/DRILL.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import receipt as receipts
from ..contract.model import parse_contract, to_json
from ..errors import SluiceError
from ..gating.receipts import Receipt, sign
from ..release import tree as trees
from ..release.store import Release, ReleaseStore, write_json
from ..textfmt import now, sentence, short
from .run_record import Run
from .signing import Signer

__all__ = ["CHECK", "REBOOT", "WATCHDOG", "Drill", "DrillStep", "drill_request", "judge_check", "judge_watchdog"]
__all__ += ["make_release", "read_drills", "why_unfit", "write_drill"]

CHECK, WATCHDOG, REBOOT = "failing check", "watchdog", "reboot while pending"
_SCHEMA = 1
_HOURS = 1.0
_SENT = ("id", "manifest", "shared", "facts", "contract", "platform")
# No server has this name, and none answers so.
_IMPOSSIBLE = {
    "name": "the drill's check, which cannot hold",
    "get": "http://sluice-drill.invalid/",
    "expect": {"status": 299},
}


@dataclass(frozen=True)
class DrillStep:
    """What one step of a drill came to: ``words`` for people, and how many ``seconds`` it took until the host served
    what it served before, from the first sign of the fault; None where that is not known.
    """

    name: str
    ok: bool
    words: str
    seconds: float | None = None


@dataclass(frozen=True)
class Drill:
    """A drill that has ended."""

    id: str
    at: str
    who: str
    inventory: str
    host: str
    release: str
    steps: Sequence[DrillStep]

    @property
    def ok(self) -> bool:
        """Return whether every step went as it should."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"schema": _SCHEMA, **asdict(self), "ok": self.ok}


def why_unfit(status: Mapping[str, Any]) -> str:
    """Return why a host that answers ``status`` so is in no state for a drill; nothing where it is."""
    confirmed = status.get("confirmed") or {}
    if status.get("pending"):
        return f"release {short(status['pending'].get('release'))} is pending there; wait until its run has ended"
    if not status.get("live") or confirmed.get("release") != status["live"]:
        return "it serves no confirmed release; deploy first"
    if status.get("drift") or status.get("package_drift"):
        return "its live tree is not its release any more (drift); see sluice.nginx.status, and deploy first"
    return ""


def make_release(store: ReleaseStore, live: Release, drill: str, *, failing: bool) -> Release:
    """Make a release that is ``live`` but for one file that nginx never reads; with ``failing`` it has a check that
    cannot hold. Raises ``SluiceError``.
    """
    described = live.described
    contract = [dict(row) for row in described.get("contract") or []]
    if failing:
        contract += [dict(to_json(check)) for check in parse_contract([_IMPOSSIBLE], "drill")]
    tree = {
        **trees.read_layer(live.tree, "live"),
        receipts.DRILL_FILE: trees.file(f"drill {drill}, failing: {failing}\n".encode(), "drill"),
    }
    return store.add(trees.overlay(tree), contract, list(described.get("shared") or []), described["platform"])


def drill_request(release: Release, run: Run, seconds: float, inventory: str, signer: Signer | None) -> dict[str, Any]:
    """Return the request that activates the release of a drill, whose watchdog acts after ``seconds`` of silence."""
    described = release.described
    statement = receipts.issue(
        release.id, run.id, now(), _HOURS, {}, kind=receipts.DRILL, inventory=inventory, described=described
    )
    receipt = Receipt(statement, sign(receipts.canonical(statement), signer.key) if signer else "")
    return {
        "op": "activate",
        "run": run.asking(),
        "release": {name: described[name] for name in _SENT},
        "receipt": receipt.content,
        "signature": receipt.signature,
        "emergency": "",
        "drift": "refuse",
        "options": {"confirm_timeout": seconds},
    }


def judge_check(answer: Mapping[str, Any], status: Mapping[str, Any], live: str) -> DrillStep:
    """Judge a release whose check failed: the host rolled back by itself, and serves what it served before."""
    problems = [sentence(each) for each in answer.get("problems") or ()]
    if answer.get("ok"):
        return DrillStep(CHECK, False, "the host took a release whose check fails")
    if not answer.get("rolled_back"):
        return DrillStep(CHECK, False, f"the host did not go so far as to roll back: {'; '.join(problems)}")
    if fault := _not_back(status, live):
        return DrillStep(CHECK, False, fault)
    if not any("drill" in each for each in problems):
        return DrillStep(CHECK, False, f"it was rolled back for another reason: {'; '.join(problems)}")
    timings = answer.get("timings") or {}
    took = timings.get("failed_to_proof")
    broken = [row for row in answer.get("checks") or () if not row.get("ok")]
    if broken:
        names = ", ".join(str(row.get("name")) for row in broken)
        return DrillStep(CHECK, False, f"checks fail on the release before as well: {names}")
    words = f"the check failed, and the host rolled back by {answer.get('means') or 'itself'}"
    return DrillStep(CHECK, True, words, round(took / 1000, 3) if isinstance(took, int | float) else None)


def judge_watchdog(name: str, status: Mapping[str, Any], live: str, run: str, seconds: float) -> DrillStep:
    """Judge what the watchdog, or a boot, made of a release that nobody confirmed; it took ``seconds``."""
    if fault := _not_back(status, live):
        return DrillStep(name, False, fault)
    last = status.get("last") or {}
    if last.get("run") != run or last.get("outcome") != "rolled_back":
        outcome = str(last.get("outcome") or "nothing").replace("_", " ")
        return DrillStep(name, False, f"the host says that the last release was {outcome}")
    return DrillStep(name, True, f"rolled back by {last.get('by')}", round(seconds, 1))


def _not_back(status: Mapping[str, Any], live: str) -> str:
    """Return why a host is not where it was before the drill; nothing where it is."""
    if status.get("pending"):
        return f"release {short(status['pending'].get('release'))} is still pending on the host"
    if status.get("live") != live:
        return f"the host serves {short(status.get('live'))}; expected {short(live)}, which it served before"
    if not (status.get("nginx") or {}).get("running"):
        return "nginx does not run on the host"
    return ""


def write_drill(folder: Path, drill: Drill) -> Path:
    """Write the record of a drill below ``folder``; returns its path. Raises ``OSError``."""
    path = folder / f"{drill.id}.json"
    write_json(path, drill.to_json())
    return path


def read_drills(folder: Path) -> Iterator[Drill]:
    """Yield the drills whose records can be read, the newest first."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            steps = [
                DrillStep(str(row["name"]), row["ok"] is True, str(row["words"]), _number(row["seconds"]))
                for row in found["steps"]
            ]
            named = {name: str(found[name]) for name in ("id", "at", "who", "inventory", "host", "release")}
            yield Drill(**named, steps=steps)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, SluiceError):
            continue


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
