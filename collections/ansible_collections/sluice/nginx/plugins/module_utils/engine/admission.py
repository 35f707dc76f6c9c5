"""Admission: a host takes a release only with the receipt of the gates for it, signed where the host demands that."""

from __future__ import annotations

from .. import receipt as receipts
from ..lean import TYPE_CHECKING
from .session import Problem, Session

if TYPE_CHECKING:
    from pathlib import Path

    from .forms import Json

__all__ = ["admit"]

# Seconds. ssh-keygen needs milliseconds; a machine under load may need more.
_PATIENCE = 30.0
# A key may stand in several lines of the file, with other people's names and other restrictions.
_MOST_SIGNERS = 20


def admit(session: Session, release: str, receipt: Json | None, signature: str) -> list[Problem]:
    """Say why this host does not take ``release``; nothing when it does.

    ``signature`` is the armored text of ``ssh-keygen -Y sign`` over ``receipt.canonical()``, empty when there is none.
    It is verified where the host has ``allowed_signers``; where it has none, the session is warned.
    """
    problems = [
        Problem(fault, do="run deploy.yml, whose gates write a receipt")
        for fault in receipts.faults(receipt, release, session.system.now())
    ]
    if not receipt:
        return problems
    signers = session.layout.allowed_signers
    if not signers.is_file():
        session.warn(
            f"receipts are not verified on this host: it has no {signers} that says who may sign them "
            "(playbooks/trust.yml puts it there)"
        )
        return problems
    return problems + _unsigned(session, receipt, signature, signers)


def _unsigned(session: Session, receipt: Json, signature: str, signers: Path) -> list[Problem]:
    """Say why ``signature`` is none of those who may sign."""
    expected = f"a signature of one of those in {signers}"
    if not signature.strip():
        do = "set gates_signing_key to the key that signs, and run deploy.yml again"
        return [Problem("the receipt is not signed, and this host takes signed ones only", expected, do=do)]
    runtime = session.layout.runtime
    path = runtime / "receipt.sig"
    session.system.make_directory(runtime, 0o700)
    session.system.write(path, signature.encode())
    try:
        return _verified(session, receipts.canonical(receipt), path, signers, expected)
    finally:
        session.system.remove(path)


def _verified(session: Session, signed: bytes, path: Path, signers: Path, expected: str) -> list[Problem]:
    finding = ["ssh-keygen", "-Y", "find-principals", "-s", str(path), "-f", str(signers)]
    found = session.system.run(finding, _PATIENCE)
    if found.rc in (124, 127):
        do = "see to it that ssh-keygen (package openssh-client) works on the host"
        return [Problem("the receipt's signature cannot be verified here", expected, found.output.strip(), do)]
    if "parse signature" in found.output or "armor" in found.output:
        return [Problem("the receipt's signature is none: it cannot be read", expected, found.output.strip())]
    if found.rc != 0:
        do = "sign with a key that is allowed, or allow this one with playbooks/trust.yml"
        what = "the receipt is signed with a key that this host does not allow"
        return [Problem(what, expected, found.output.strip(), do)]
    said = ""
    for who in found.output.split("\n")[:_MOST_SIGNERS]:
        verifying = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", who.strip()]
        verifying += ["-n", receipts.NAMESPACE, "-s", str(path)]
        done = session.system.run(verifying, _PATIENCE, data=signed) if who.strip() else None
        if done is not None and done.rc == 0:
            return []
        said = done.output.strip() if done is not None else said
    do = "run deploy.yml, whose gates write and sign a receipt; if nobody changed it by mistake, ask who did"
    return [Problem("the receipt's signature is forged: it was not made over this receipt", expected, said, do)]
