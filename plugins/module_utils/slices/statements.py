"""What slices state in the store: signed where there is a key, so that nobody has to trust the store."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from .. import receipt as receipts
from ..errors import SluiceError
from ..fleet.signing import Signer
from ..gating.receipts import sign
from ..textfmt import now

__all__ = ["SignedStatement", "Stater"]

_HOURS = 24.0 * 7
_TIMEOUT = 30.0


class SignedStatement(NamedTuple):
    """A statement of a slice, and the armored text of its signature, empty without one."""

    content: dict[str, Any]
    signature: str = ""

    def to_bytes(self) -> bytes:
        """Return it as it is stored."""
        return json.dumps({"statement": self.content, "signature": self.signature}, sort_keys=True).encode()


class Stater:
    """States and reads what slices say. With a key, statements that it did not sign are none.

    All slices of a roll-out have the same key: it stands for the one who deploys, and hosts know it. ``verified`` are
    the SHA-256 of statements with their signatures that were found good.
    """

    def __init__(self, signer: Signer | None) -> None:
        self._signer = signer
        self.verified: set[str] = set()

    def state(self, kind: str, **facts: Any) -> SignedStatement:
        """Make a statement. Raises ``InputError`` for a key that cannot sign."""
        inventory = self._signer.inventory if self._signer else ""
        content = receipts.state(kind, now(), _HOURS, inventory, **facts)
        if self._signer is None:
            return SignedStatement(content)
        return SignedStatement(content, sign(receipts.canonical(content), self._signer.key, receipts.ROLLOUT_NAMESPACE))

    def read(self, kind: str, value: bytes, rollout: str = "") -> dict[str, Any]:
        """Return the facts of a statement of ``kind``. Raises ``SluiceError`` for what is none, or nobody's who may."""
        try:
            found = json.loads(value)
            content, signature = found["statement"], str(found["signature"])
            if not signature.isascii():
                raise ValueError("its signature is none")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SluiceError(f"the store has no {kind} of Sluice: {error}; see who writes there") from error
        if not isinstance(content, dict) or content.get("kind") != kind or content.get("schema") != receipts.SCHEMA:
            raise SluiceError(f"the store has no {kind} of this version of Sluice; run all slices with the same one")
        if rollout and content.get("rollout") != rollout:
            raise SluiceError(f"the {kind} in the store is of another roll-out; see who writes there")
        self._hold(kind, content, signature)
        return content

    def _hold(self, kind: str, content: dict[str, Any], signature: str) -> None:
        if self._signer is None:
            return
        signed = receipts.canonical(content)
        digest = hashlib.sha256(signed + b"\n" + signature.encode()).hexdigest()
        if digest in self.verified:
            return
        if not signature:
            what = f"the {kind} in the store is not signed, and this slice signs"
            raise SluiceError(f"{what}; give each slice the same gates_signing_key")
        if not _is_signed(signed, signature, self._signer.key):
            raise SluiceError(f"the {kind} in the store is signed with another key; give each slice the same one")
        self.verified.add(digest)


@functools.lru_cache(maxsize=4)
def _public_key(key: Path) -> str:
    beside = key.with_name(f"{key.name}.pub")
    for path in (beside, key):
        if path.is_file() and path.read_bytes().startswith((b"ssh-", b"ecdsa-", b"sk-")):
            return path.read_text(encoding="ascii").strip()
    command = ["ssh-keygen", "-y", "-P", "", "-f", str(key)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        raise SluiceError(f"the public key of {key} is not known: {done.stderr.strip()}; put it at {beside}")
    return done.stdout.strip()


def _is_signed(signed: bytes, signature: str, key: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="sluice-verify-") as folder:
        allowed, path = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text(f"slice {_public_key(key)}\n", encoding="ascii")
        path.write_text(signature, encoding="utf-8")
        command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "slice", "-n", receipts.ROLLOUT_NAMESPACE]
        done = subprocess.run(
            [*command, "-s", str(path)], input=signed, capture_output=True, timeout=_TIMEOUT, check=False
        )
        return done.returncode == 0
