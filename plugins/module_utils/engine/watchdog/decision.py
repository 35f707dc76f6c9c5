"""How a roll-out of several slices ends, asked by a host whose watchdog's time is up.

The store is not trusted: that all confirm counts only with the signature of one who may sign receipts, and for the very
roll-out that this host was switched by. Anything else is a rollback, as without a store.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import receipt as receipts
from ...coordination.model import CoordinationStore, StoreFault, StoreLogin, check_key
from ...errors import SluiceError
from ...untrusted import printable
from ..admission import foreign, is_strict
from ..session import Fault, Problem
from ..signatures import verify
from .heartbeat import DECISION

if TYPE_CHECKING:
    from ..protocol import Json, Pending
    from ..session import Session

__all__ = ["BOUND", "CONFIRM", "Asked", "ask", "remember"]

CONFIRM, ROLLBACK, UNDECIDED = "confirm", "rollback", "undecided"
BOUND = 8.0
"""Seconds within which a host hears of the decision, or rolls back."""

_REQUEST = 2.0
_LONGEST = 1 << 16
_TEXTS = ("url", "user", "password", "ca")


class Asked(NamedTuple):
    """What was decided, empty where that is not known, and what is to be said of it."""

    decision: str
    why: str


def remember(session: Session, run: str, form: Json) -> None:
    """Keep where this host asks, until its pending phase ends. Raises ``Fault`` for what is no way to ask.

    It may have a password, so it is kept in memory, where only root reads it.
    """
    try:
        told = {name: str(form["store"].get(name) or "") for name in _TEXTS}
        kept = {"run": run, "store": told, "key": check_key(str(form["key"])), "rollout": str(form["rollout"])}
        _open(session, told)
    except (SluiceError, KeyError, TypeError, AttributeError, ValueError) as error:
        fix = "correct rollout_store, or its host_url"
        raise Fault(Problem(f"this host cannot ask for the decision: {error}", fix=fix)) from error
    text = json.dumps(kept)
    if len(text) > _LONGEST:
        raise Fault(
            Problem("where this host is to ask for the decision is too long", fix="give less in rollout_store.ca")
        )
    session.system.make_directory(session.layout.runtime, 0o700)
    session.system.write(session.layout.runtime / DECISION, text.encode(), durable=False)


def ask(session: Session, pending: Pending | Json) -> Asked:
    """Return what was decided for the roll-out of ``pending``, and decide for the rollback where nobody has.

    Returns within ``BOUND``, whatever the network does.
    """
    kept = _kept(session.layout.runtime / DECISION)
    if kept is None or kept.get("run") != pending["run"]:
        return Asked("", "")
    found: list[Asked | Exception] = []

    def work() -> None:
        try:
            store = _open(session, kept["store"])
            found.append(_asked(store, str(kept["key"]), str(kept["rollout"]), session))
        except Exception as error:
            # Whatever goes wrong, the host rolls back, as it does without a store.
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(BOUND)
    asked = found[0] if found else Asked("", f"the store did not answer within {BOUND:g} s")
    if isinstance(asked, Exception):
        asked = Asked("", f"the decision is not known: {asked}")
    session.warn(printable(f"asked how the roll-out ends: {asked.decision or 'not known'}: {asked.why}"))
    return asked


def _asked(store: CoordinationStore, key: str, rollout: str, session: Session) -> Asked:
    while True:
        found = store.get(key)
        if found is None:
            return Asked("", "the store has no decision")
        content, signature = _read(found.value)
        decision, why = content.get("decision"), str(content.get("why") or "")[:500]
        if content.get("rollout") != rollout:
            return Asked("", "the decision in the store is of another roll-out")
        if decision == ROLLBACK:
            return Asked(ROLLBACK, why)
        if decision == CONFIRM:
            problems = _problems(session, content, signature)
            return Asked("", problems[0].what) if problems else Asked(CONFIRM, why)
        if decision != UNDECIDED:
            return Asked("", "what the store has is no decision")
        # Nobody is to decide that all confirm after this host has gone back.
        mine: dict[str, Any] = {"schema": receipts.SCHEMA, "kind": "decision", "rollout": rollout}
        mine.update(decision=ROLLBACK, by=f"the watchdog of {os.uname().nodename}", why="its run gave no heartbeat")
        data = json.dumps({"statement": mine, "signature": ""}, sort_keys=True).encode()
        try:
            if store.compare_and_set(key, data, found.revision):
                return Asked(ROLLBACK, "nobody had decided, so this host did")
        except StoreFault as error:
            return Asked("", f"nobody has decided, and this host may not: {error}")


def _read(value: bytes) -> tuple[dict[str, Any], str]:
    if len(value) > _LONGEST:
        raise ValueError(f"{len(value)} bytes are no decision")
    found = json.loads(value)
    content = found["statement"]
    if not isinstance(content, dict):
        raise ValueError("the decision has no statement")
    return content, str(found["signature"])


def _problems(session: Session, content: dict[str, Any], signature: str) -> list[Problem]:
    """Return why a decision that all confirm is not believed; nothing when it is."""
    if content.get("kind") != "decision" or content.get("schema") != receipts.SCHEMA:
        return [Problem("the decision is of another version of Sluice")]
    if not is_strict(session):
        session.warn("decisions are not verified on this host, which has no allowed_signers (sluice.nginx.trust)")
        return []
    signed = receipts.canonical(content)
    return verify(session, signed, signature, receipts.ROLLOUT_NAMESPACE, "decision") or foreign(
        session, content, "decision"
    )


def _open(session: Session, told: Json) -> CoordinationStore:
    url = str(told["url"])
    if not url.startswith(("nats://", "nats+tls://", "etcd://", "etcd+tls://")):
        raise SluiceError(f"{url[:100]!r} is no store that a host asks; expected nats:// or etcd://")
    login = StoreLogin(url, str(told["user"]), str(told["password"]), str(told["ca"]), timeout=_REQUEST)
    return session.system.store(login)


def _kept(path: Path) -> Json | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
