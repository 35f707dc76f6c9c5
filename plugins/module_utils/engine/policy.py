"""What a host's policy asks of a release beside its receipt: approvals of people, windows, freezes, soaking.

``policy.json`` beside ``allowed_signers`` has it; ``sluice.nginx.trust`` puts it there. Times are the host's, in UTC.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Mapping

from .. import receipt as receipts
from .session import Fault, Problem, Session
from .signatures import signers_of
from .timestamps import seconds_of

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["FILE", "has_policy", "moment_problems", "policy_of", "policy_problems"]

FILE = "policy.json"
_MOST = 20
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TRUST = "run sluice.nginx.trust as an administrator, which writes it"
_APPROVE = "have people who may run sluice.nginx.approve, and deploy again"


def policy_of(session: Session) -> Json:
    """Return the policy of this host, empty where it has none. Raises ``Fault`` for one that cannot be read: then
    nothing is taken.
    """
    path = session.layout.allowed_signers.with_name(FILE)
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
        why = "it is no mapping"
    except (OSError, ValueError, RecursionError) as error:
        why = str(error)
    raise Fault(Problem(f"the policy of this host, {path}, cannot be read", actual=why, fix=_TRUST))


def has_policy(session: Session) -> bool:
    """Return whether this host asks for anything beside one signature: then one does not change what it trusts."""
    return any(policy_of(session).values())


def policy_problems(
    session: Session, release: str, receipt: Json, approvals: object, described: Mapping[str, object], inventory: str
) -> list[Problem]:
    """Return what of the policy a release does not meet; nothing where it may come now.

    ``approvals`` are rows of ``{statement, signature}``, and ``described`` is what came of the release. Those who may
    sign emergencies, where there are any, override all the rest together.
    """
    policy, at = policy_of(session), session.system.now()
    if receipt.get("kind") == receipts.DRILL:
        return moment_problems(policy, at)
    is_emergency = receipt.get("kind") == receipts.EMERGENCY
    rows = approvals if isinstance(approvals, list) else []
    given = _Approvals(session, release, described, inventory, rows[:_MOST])
    urgent = policy.get("emergency")
    if urgent:
        lacking = given.lacking(urgent, emergency=True)
        if is_emergency or not lacking:
            return lacking
    found = given.lacking(policy, emergency=False) + moment_problems(policy, at) + _soaking_problems(policy, receipt)
    return found + ([] if is_emergency else moment_problems(receipt, at))


class _Approvals:
    """What people have signed about a release."""

    def __init__(
        self, session: Session, release: str, described: Mapping[str, object], inventory: str, rows: list[object]
    ) -> None:
        self._session, self._release, self._described = session, release, described
        self._inventory, self._rows = inventory, rows

    def lacking(self, rule: Json, *, emergency: bool) -> list[Problem]:
        """Return that fewer people have approved than a rule asks for; each counts once, and so does each key."""
        needed = int(rule.get("approvals") or 0)
        if needed <= 0:
            return []
        allowed = [str(name) for name in rule.get("approvers") or []]
        names, used = set(), set()
        for row in self._rows:
            for name, fingerprint in self._signers(row, emergency):
                if name in allowed and name not in names and fingerprint not in used:
                    names.add(name)
                    used.add(fingerprint)
                    break
        if len(names) >= needed:
            return []
        what = "this host takes an emergency" if emergency else "this host takes a release"
        expected = f"{needed} of {', '.join(allowed)}"
        return [Problem(f"{what} with more approvals only", expected, ", ".join(sorted(names)) or "none", _APPROVE)]

    def _signers(self, row: object, emergency: bool) -> list[tuple[str, str]]:
        statement = row.get("statement") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(statement, dict):
            return []
        at = self._session.system.now()
        fits = (
            statement.get("kind") == receipts.APPROVAL
            and statement.get("release") == self._release
            and statement.get("inventory") == self._inventory
            and bool(statement.get("emergency")) == emergency
            and not receipts.time_faults(statement, at)
            and not receipts.is_ahead(statement, seconds_of(at) * 1000)
            and not receipts.unlike(statement, self._described)
        )
        if not fits:
            return []
        data, signature = receipts.canonical(statement), str(row.get("signature") or "")
        return signers_of(self._session, data, signature, receipts.APPROVAL_NAMESPACE)


def moment_problems(rule: Mapping[str, object], at: str) -> list[Problem]:
    """Return why nothing may be changed at the time ``at``, by the freezes and the windows of a rule."""
    freezes, windows = rule.get("freezes"), rule.get("windows")
    for freeze in freezes if isinstance(freezes, list) else []:
        if str(freeze.get("from")) <= at < str(freeze.get("to")):
            why = f" ({freeze['reason']})" if freeze.get("reason") else ""
            do = f"wait until {freeze.get('to')}; those who sign emergencies may go on before"
            return [Problem(f"there is a freeze until {freeze.get('to')}{why}", fix=do)]
    rows = windows if isinstance(windows, list) else []
    if not rows or any(_is_open(row, at) for row in rows):
        return []
    expected = "; ".join(f"{' '.join(row['days'])} {row['from']} to {row['to']}" for row in rows)
    do = "wait; those who sign emergencies may go on before"
    return [Problem("this is outside of the windows for changes", f"{expected} (UTC)", at, do)]


def _is_open(window: Json, at: str) -> bool:
    """Return whether a window is open; one that ends before it begins goes over midnight, into the next day."""
    # Here, as few hosts have windows.
    from datetime import date

    day, clock = date(*(int(part) for part in at[:10].split("-"))).weekday(), at[11:16]
    begins, ends = str(window["from"]), str(window["to"])
    today, yesterday = _DAYS[day] in window["days"], _DAYS[day - 1] in window["days"]
    if begins < ends:
        return today and begins <= clock < ends
    return (today and clock >= begins) or (yesterday and clock < ends)


def _soaking_problems(policy: Json, receipt: Json) -> list[Problem]:
    """Return that a release has not lived elsewhere for as long as the policy asks, by its receipt."""
    wanted = policy.get("soaked")
    if not wanted:
        return []
    lived = [row for row in receipt.get("lived") or [] if row.get("inventory") == wanted["inventory"]]
    good = [row for row in lived if not row.get("rolled_back") and row.get("hours", 0) >= wanted["hours"]]
    if any(row.get("hosts", 0) >= wanted["hosts"] for row in good):
        return []
    expected = f"{wanted['hours']:g} h on {wanted['hosts']} hosts of {wanted['inventory']}"
    actual = "; ".join(f"{row.get('hours', 0):g} h on {row.get('hosts')} hosts" for row in lived) or "no word of it"
    do = f"let it serve on {wanted['inventory']}, and set gates_soaked, by which the receipt says so"
    return [Problem("the receipt does not say that the release has soaked", expected, actual, do)]
