"""Signatures of ``ssh-keygen -Y sign``, verified against those whom this host allows to sign."""

from __future__ import annotations

from pathlib import Path

from .session import Problem, Session

__all__ = ["signers_of", "verify"]

# Seconds. ssh-keygen needs milliseconds; a machine under load may need more.
_TIMEOUT = 30.0
# A key may stand in several lines of the file, with other people's names and other restrictions.
_MOST_SIGNERS = 20
_DO = {
    "receipt": "run sluice.nginx.deploy, whose gates sign a receipt; if nobody changed it by mistake, ask who did",
}


def verify(session: Session, signed: bytes, signature: str, namespace: str, what: str = "receipt") -> list[Problem]:
    """Return why ``signature`` was not made over ``signed`` by one of those who may sign; nothing when it was.

    ``what`` names what is signed, and ``namespace`` what it is signed for.
    """
    signers = session.layout.allowed_signers
    expected = f"a signature of one of those in {signers}"
    if not signature.strip():
        do = "set gates_signing_key to the key that signs, and run the playbook again"
        return [Problem(f"the {what} is not signed, and this host takes signed ones only", expected, fix=do)]
    runtime = session.layout.runtime
    path = runtime / f"{what}.sig"
    session.system.make_directory(runtime, 0o700)
    session.system.write(path, signature.encode("ascii", "replace"))
    try:
        return _verified(session, signed, path, namespace, what, expected)
    finally:
        session.system.remove(path)


def signers_of(session: Session, signed: bytes, signature: str, namespace: str) -> list[tuple[str, str]]:
    """Return who has made ``signature`` over ``signed``, by the names that this host has for the key, each with the
    fingerprint of the key; nobody where it is no good.
    """
    if not signature.strip():
        return []
    signers, path = session.layout.allowed_signers, session.layout.runtime / "approval.sig"
    session.system.make_directory(session.layout.runtime, 0o700)
    session.system.write(path, signature.encode("ascii", "replace"))
    try:
        finding = ["ssh-keygen", "-Y", "find-principals", "-s", str(path), "-f", str(signers)]
        found = session.system.run(finding, _TIMEOUT)
        names = found.output.split("\n")[:_MOST_SIGNERS] if found.rc == 0 else []
        made = []
        for name in filter(None, map(str.strip, names)):
            verifying = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", name, "-n", namespace, "-s", str(path)]
            done = session.system.run(verifying, _TIMEOUT, data=signed)
            key = next((word for word in done.output.split() if word.startswith("SHA256:")), "")
            if done.rc == 0 and key:
                made.append((name, key))
        return made
    finally:
        session.system.remove(path)


def _verified(session: Session, signed: bytes, path: Path, namespace: str, what: str, expected: str) -> list[Problem]:
    signers = session.layout.allowed_signers
    finding = ["ssh-keygen", "-Y", "find-principals", "-s", str(path), "-f", str(signers)]
    found = session.system.run(finding, _TIMEOUT)
    if found.rc in (124, 127):
        do = "see to it that ssh-keygen (package openssh-client) works on the host"
        return [Problem(f"the {what}'s signature cannot be verified here", expected, found.output.strip(), do)]
    # Where it has found somebody, this is the name, in which any word may be.
    if found.rc != 0 and ("parse signature" in found.output or "armor" in found.output):
        return [Problem(f"the {what}'s signature is none: it cannot be read", expected, found.output.strip())]
    if found.rc != 0:
        do = "sign with a key that is allowed, or allow this one with sluice.nginx.trust"
        return [
            Problem(
                f"the {what} is signed with a key that this host does not allow", expected, found.output.strip(), do
            )
        ]
    said = ""
    for who in found.output.split("\n")[:_MOST_SIGNERS]:
        verifying = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", who.strip(), "-n", namespace]
        verifying += ["-s", str(path)]
        done = session.system.run(verifying, _TIMEOUT, data=signed) if who.strip() else None
        if done is not None and done.rc == 0:
            return []
        said = done.output.strip() if done is not None else said
    do = _DO.get(what, "sign it again; if nobody changed it by mistake, ask who did")
    return [Problem(f"the {what}'s signature is forged: it was not made over this {what}", expected, said, do)]
