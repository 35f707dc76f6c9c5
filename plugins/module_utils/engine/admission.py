"""Admission: a host takes a release only with the receipt of the gates for it. Where it knows who may sign, the receipt
is signed, for this very content and this inventory, and is newer than any that it took before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

from .. import receipt as receipts
from ..untrusted import ReleaseId
from .session import Fault, Problem, Session
from .signatures import verify
from .timestamps import seconds_of

if TYPE_CHECKING:
    from .protocol import ActivateRequest, Json

__all__ = ["Admitted", "admit", "demand", "early", "foreign", "inventory_of", "is_strict", "refuse_drill"]

# What a release that comes may come with.
_NEW = (receipts.PASSED, receipts.EMERGENCY, receipts.DRILL)
_FIX = "run sluice.nginx.deploy, whose gates write a receipt"
_RESET = "sluice.nginx.trust -e rollout_forget_receipts=true lets this host forget it"


def is_strict(session: Session) -> bool:
    """Return whether this host takes signed statements only: it knows who may sign, or has an engine of its own."""
    return session.own or session.layout.allowed_signers.is_file()


def demand(session: Session, state: Json, request: ActivateRequest, release: str, meta: Json) -> None:
    """Hold ``release`` to the receipt of its gates, and on a host that takes signed ones only, to its signature.

    ``meta`` is what is known of the release. Raises ``Fault``. The caller has the lock.
    """
    receipt, signature = request.get("receipt"), str(request.get("signature") or "")
    if request.get("stored"):
        problems = _stored_problems(session, state, release, meta, receipt, signature)
    else:
        problems = admit(session, release, receipt, signature, meta, _NEW)
    if receipt and isinstance(receipt, dict) and not request.get("stored"):
        problems += _policy_problems(session, release, receipt, request, meta)
    if _is_drill(receipt):
        problems += _drill_problems(session, state, release, meta)
    strict = is_strict(session)
    reason, said = str(request.get("emergency") or "").strip(), []
    # The controller writes a receipt of this kind for a reason only, and where receipts are verified it is signed.
    if isinstance(receipt, dict) and receipt.get("kind") == receipts.EMERGENCY:
        reason, said = str(receipt.get("reason") or "").strip(), receipts.gate_faults(receipt)
    if problems and (strict or not reason):
        if strict and reason and not said:
            do = "run sluice.nginx.deploy with -e rollout_emergency and gates_signing_key, which signs a receipt for it"
            problems.append(Problem("an emergency overrides gates that failed, never signatures", fix=do))
        raise Fault(*problems)
    said += [problem.what for problem in problems]
    if said:
        session.journal("emergency", release=release, reason=reason, problems=said)
        session.warn(f"EMERGENCY: activated without what the gates demand ({'; '.join(said)}), because: {reason}")
    # A drill changes nothing, so what was signed before it may still come.
    if strict and receipt and not _is_drill(receipt):
        Admitted(session).write("receipt", receipt["number"], release)


def _policy_problems(
    session: Session, release: str, receipt: Json, request: ActivateRequest, meta: Json
) -> list[Problem]:
    """Return what the receipt's windows, and the policy of a host that verifies signatures, have against a release."""
    # Here, as few hosts have a policy, and few receipts have windows.
    if is_strict(session) and session.layout.allowed_signers.with_name("policy.json").is_file():
        from .policy import policy_problems

        inventory = inventory_of(session) or ""
        return policy_problems(session, release, receipt, request.get("approvals"), meta, inventory)
    if receipt.get("kind") != receipts.PASSED or not (receipt.get("windows") or receipt.get("freezes")):
        return []
    from .policy import moment_problems

    return moment_problems(receipt, session.system.now())


def _is_drill(receipt: object) -> bool:
    return isinstance(receipt, dict) and receipt.get("kind") == receipts.DRILL


def refuse_drill(session: Session, release: ReleaseId) -> None:
    """Raise ``Fault`` where a release came for a drill: no gate was asked, so no host accepts it."""
    if _is_drill(session.store.meta(release).get("receipt")):
        what = f"release {release[:12]} came for a drill, and a drill is rolled back in any case"
        raise Fault(Problem(what, fix=_FIX))


def _drill_problems(session: Session, state: Json, release: str, meta: Json) -> list[Problem]:
    """Return why a release is none for a drill: it is what the host serves, but for the one file that marks a drill."""
    live = state["live"]
    if not live or (state["confirmed"] or {}).get("release") != live:
        do = "deploy first; sluice.nginx.status shows what the host serves"
        return [Problem("a drill needs a host that serves a confirmed release", actual=str(live)[:12], fix=do)]
    before = [row for row in session.store.meta(live).get("manifest") or [] if row[0] != receipts.DRILL_FILE]
    after = [row for row in meta.get("manifest") or [] if row[0] != receipts.DRILL_FILE]
    if before == after and before:
        return []
    expected = f"the files of release {live[:12]}, and {receipts.DRILL_FILE}"
    return [Problem(f"release {release[:12]} is not what this host serves, so it is none for a drill", expected)]


def _stored_problems(
    session: Session, state: Json, release: str, meta: Json, permission: Json | None, signature: str
) -> list[Problem]:
    """Return why this host does not go to a release that it has. What it has accepted before needs no receipt."""
    problems = []
    if is_strict(session):
        if not permission:
            do = "set gates_signing_key to the key that signs, and run sluice.nginx.rollback again"
            return [Problem("this host goes to another release that it has only with a signed permission", fix=do)]
        problems = admit(session, release, permission, signature, kinds=(receipts.ROLLBACK,))
    if (state["releases"].get(release) or {}).get("confirmed"):
        return problems
    # Its signature was verified when it came.
    kinds = (receipts.PASSED, receipts.EMERGENCY)
    found = receipts.faults(meta.get("receipt"), release, session.system.now(), kinds)
    return problems + [Problem(fault, fix=_FIX) for fault in found]


def admit(
    session: Session,
    release: str,
    receipt: Json | None,
    signature: str,
    sent: Mapping[str, object] | None = None,
    kinds: tuple[str, ...] = (receipts.PASSED, receipts.EMERGENCY),
) -> list[Problem]:
    """Return why this host does not take ``release``; nothing when it does.

    ``signature`` is the armored text of ``ssh-keygen -Y sign`` over ``receipt.canonical()``, empty when there is none.
    It is verified where the host has ``allowed_signers``; where it has none, the session is warned. ``sent`` is what
    came of the release, None for one that the host has.
    """
    at = session.system.now()
    problems = [Problem(fault, fix=_FIX) for fault in receipts.faults(receipt, release, at, kinds)]
    if not receipt or not isinstance(receipt, dict):
        return problems
    if not is_strict(session):
        session.warn(
            f"receipts are not verified on this host: it has no {session.layout.allowed_signers} that says who may "
            "sign them (sluice.nginx.trust puts it there)"
        )
        return problems
    unsigned = verify(session, receipts.canonical(receipt), signature, receipts.NAMESPACE)
    # What nobody has signed says nothing.
    return problems + (unsigned or _unbound(session, release, receipt, sent))


def _unbound(session: Session, release: str, receipt: Json, sent: Mapping[str, object] | None) -> list[Problem]:
    """Return why a signed receipt is not one for this content, this inventory and this time."""
    do = f"{_FIX}; if nobody changed the release by mistake, ask who did"
    problems = [
        Problem(f"the {name} of release {release[:12]} is not what the receipt was signed for", fix=do)
        for name in (receipts.unlike(receipt, sent) if sent is not None else [])
    ]
    return problems + foreign(session, receipt) + early(session, receipt) + _older(session, receipt)


def foreign(session: Session, statement: Mapping[str, object], what: str = "receipt") -> list[Problem]:
    """Return why a signed statement is not meant for this host."""
    here, there = inventory_of(session), statement.get("inventory")
    if here is None and session.own:
        do = "run sluice.nginx.trust as an administrator, which tells the host the name of its inventory"
        return [Problem("this host does not know to which inventory it belongs", fix=do)]
    if here is None:
        session.warn(
            "this host does not know to which inventory it belongs, so it takes what was signed for any; run "
            "sluice.nginx.trust once more, which tells it"
        )
        return []
    if here == there:
        return []
    expected = f"the inventory {here!r}, as the host was told"
    do = "set gates_inventory to the name that the host knows; or run sluice.nginx.trust, which tells it another"
    return [Problem(f"the {what} was signed for another inventory", expected, f"{str(there)[:100]!r}", do)]


def early(session: Session, statement: Mapping[str, object], what: str = "receipt") -> list[Problem]:
    """Return why a statement is not to be believed yet: a clock ran ahead, and would keep later ones out."""
    at = session.system.now()
    if not receipts.is_ahead(statement, seconds_of(at) * 1000):
        return []
    do = "set the clock of the controller or of this host right, and run the playbook again"
    return [Problem(f"the {what} comes from the future", f"a time near {at}", str(statement.get("at"))[:40], do)]


def inventory_of(session: Session) -> str | None:
    """Return the name of the inventory that this host belongs to, as ``sluice.nginx.trust`` told it; None where it
    did not.
    """
    path = session.layout.allowed_signers.with_name("inventory")
    return path.read_text().strip() if path.is_file() else None


# Of statements of which a host remembers the newest.
_KINDS = ("receipt", "trust", receipts.PUBLISH)


class Admitted:
    """The newest signed statement of each kind that this host took; an older one is not taken any more."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._path: Path = session.layout.root / "admitted.json"

    def read(self, kind: str) -> tuple[int, str]:
        """Return the number and the release of the newest. Raises ``ValueError`` for a file that cannot be read."""
        try:
            found = json.loads(self._path.read_bytes()).get(kind) or [0, ""]
            return int(found[0]), str(found[1])
        except FileNotFoundError:
            return 0, ""
        except (OSError, AttributeError, TypeError, IndexError, KeyError, RecursionError) as error:
            raise ValueError(str(error)) from error

    def write(self, kind: str, number: int, release: str = "") -> None:
        """Remember a statement. The caller has the lock."""
        found: object = {}
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError):
            found = None
        # Of what cannot be read, nothing may become newer than what is known by now.
        known = found if isinstance(found, dict) else {each: [number, ""] for each in _KINDS}
        self._session.system.make_directory(self._session.layout.root)
        text = json.dumps({**known, kind: [number, release]}, sort_keys=True)
        self._session.system.write(self._path, text.encode())


def _older(session: Session, receipt: Json) -> list[Problem]:
    """Return why a receipt is older than one that was taken: it is good for a downgrade only."""
    try:
        newest, release = Admitted(session).read("receipt")
    except ValueError as error:
        what = f"what this host remembers of receipts cannot be read ({error})"
        return [Problem(what, fix=f"see to the disk; then {_RESET}")]
    number = receipt.get("number")
    if isinstance(number, int) and (number > newest or (number == newest and receipt.get("release") == release)):
        return []
    return [
        Problem(
            "the receipt is older than one that this host has taken",
            f"a number above {newest}, of release {release[:12]}",
            f"{number}, from {receipt.get('at')}",
            f"{_FIX}; where the clock of another controller ran ahead, {_RESET}",
        )
    ]
