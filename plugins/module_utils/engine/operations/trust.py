"""``trust`` and ``update_engine``: who may sign for this host, which inventory it belongs to, and its own engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ... import receipt as receipts
from ..admission import Admitted, early, foreign, inventory_of
from ..own import install_own, read_own, unpacked
from ..policy import FILE, has_policy
from ..session import Fault, Problem, Session
from ..signatures import verify

if TYPE_CHECKING:
    from ..protocol import Json, TrustRequest, UpdateEngineRequest

__all__ = ["trust", "update_engine"]


def trust(session: Session, request: TrustRequest, bundle: bytes) -> Json:
    """Write who may sign for this host and the name of its inventory, and install its own engine.

    An engine that was sent along does so for whoever is root; the host's own wants a signature by one who may sign now.
    Raises ``Fault``.
    """
    if request.get("looking"):
        return _told(session, request, bundle, looking=True)
    # Of two statements at once the newer one wins.
    with session.store.lock(session.run, "trust"):
        return _told(session, request, bundle, looking=False)


def _told(session: Session, request: TrustRequest, bundle: bytes, *, looking: bool) -> Json:
    statement, layout = request["statement"], session.layout
    if session.own:
        _hold(session, statement, str(request.get("signature") or ""))
    texts = {layout.allowed_signers: str(statement["signers"])}
    if statement.get("policy"):
        texts[layout.allowed_signers.with_name(FILE)] = f"{json.dumps(statement['policy'], indent=1, sort_keys=True)}\n"
    if inventory_of(session) != str(statement["inventory"]):
        texts[layout.allowed_signers.with_name("inventory")] = f"{statement['inventory']}\n"
    changed = [str(path) for path, text in texts.items() if not _has(path, text)]
    # The host's own engine is updated before it is asked this.
    digest = "" if session.own else str(statement["engine"])
    if digest and not _runs(session, digest):
        changed.append(str(layout.command))
    if statement.get("forget"):
        changed.append("the receipts that it took")
    if not looking:
        if changed:
            _apply(session, statement, texts, digest, bundle)
        # An administrator's word counts as well, and one that changed nothing: what others signed before it is older.
        Admitted(session).write("trust", int(statement["number"]))
    return {"changed": bool(changed), "paths": changed, "engine": read_own(layout).to_json()}


def _apply(session: Session, statement: Json, texts: dict[Path, str], digest: str, bundle: bytes) -> None:
    layout = session.layout
    session.journal("trust", inventory=statement["inventory"], forget=bool(statement.get("forget")))
    session.system.make_directory(layout.allowed_signers.parent)
    if digest and not _runs(session, digest):
        install_own(session, unpacked(bundle, digest), digest, int(statement["number"]))
    for path, text in texts.items():
        session.system.write(path, text.encode(), 0o644)
    if statement.get("forget"):
        # Not nothing: what is older than this statement stays older.
        Admitted(session).write("receipt", int(statement["number"]))


def update_engine(session: Session, request: UpdateEngineRequest, bundle: bytes) -> Json:
    """Take the place of the host's own engine: signed, and by a statement that is newer than the one it came by.

    Raises ``Fault``.
    """
    statement = request["statement"]
    if not session.own:
        raise Fault(
            Problem("this host is asked without its own engine", fix="run sluice.nginx.trust, which installs it")
        )
    digest, number = str(statement.get("digest_of_engine")), int(statement["number"])
    with session.store.lock(session.run, "update_engine"):
        own = read_own(session.layout)
        if own.digest == digest:
            return {"changed": False, "engine": own.to_json()}
        _hold_to_policy(session)
        _verify(session, statement, str(request.get("signature") or ""), "engine", receipts.ENGINE_NAMESPACE)
        if number <= own.number:
            what = "the engine that came was signed before the one that this host has"
            do = "run the playbook again with gates_signing_key, which signs the controller's engine anew"
            raise Fault(Problem(what, f"a number above {own.number}", f"{number}, from {statement.get('at')}", do))
        install_own(session, unpacked(bundle, digest), digest, number)
        session.journal("update_engine", digest=digest, number=number, before=own.digest)
    return {"changed": True, "engine": {"digest": digest, "number": number}}


def _hold_to_policy(session: Session) -> None:
    """Raise ``Fault`` where the host has a policy: whoever signs alone could have it ask for nothing any more."""
    if has_policy(session):
        what = "this host has a policy, so one signature changes neither its engine nor what it trusts"
        do = "run sluice.nginx.trust as an administrator (-e rollout_engine_command=, as a user who is root)"
        raise Fault(Problem(what, "an administrator", fix=do))


def _hold(session: Session, statement: Json, signature: str) -> None:
    """Raise ``Fault`` unless the statement is signed, meant for this host and now, and newer than the last one."""
    _hold_to_policy(session)
    strangers = foreign(session, statement, "trust")
    if strangers:
        raise Fault(*strangers)
    _verify(session, statement, signature, "trust", receipts.TRUST_NAMESPACE)
    newest = Admitted(session).read("trust")[0]
    if int(statement["number"]) <= newest:
        what = "this was signed before what the host was told last"
        raise Fault(Problem(what, f"a number above {newest}", str(statement["number"]), "run sluice.nginx.trust again"))


def _verify(session: Session, statement: Json, signature: str, kind: str, namespace: str) -> None:
    problems = verify(session, receipts.canonical(statement), signature, namespace, kind)
    if statement.get("schema") != receipts.SCHEMA or statement.get("kind") != kind:
        problems.append(Problem(f"what came to be signed for {kind} is none", actual=str(statement.get("kind"))[:40]))
    late = receipts.time_faults(statement, session.system.now())
    problems += [Problem(fault.replace("the receipt", f"the {kind}'s signature"), fix="run it again") for fault in late]
    problems += early(session, statement, kind)
    if problems:
        raise Fault(*problems)


def _runs(session: Session, digest: str) -> bool:
    return read_own(session.layout).digest == digest and session.layout.command.is_file()


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text
