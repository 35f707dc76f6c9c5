"""What the controller signs beside the receipts of the gates: a rollback, an engine, and who may sign."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import receipt as receipts
from .. import remote
from ..errors import InputError
from ..gating.receipts import Receipt, sign
from ..storage import path_of
from ..textfmt import now
from ..untrusted import has_controls

__all__ = ["Signer", "read_inventory", "read_signers", "sign_engine", "sign_rollback", "sign_trust"]

# Hours. What is signed here is sent at once; waves may take their time.
_HOURS = 2.0
_LONGEST = 100
_WRITE = "write a line for each who may sign: NAME KEY, the key as in a .pub file"
_signing = threading.Lock()


class Signer(NamedTuple):
    """The key that signs, and the name of the inventory that is signed for."""

    key: Path
    inventory: str


def read_inventory(value: str) -> str:
    """Return the name of an inventory. Raises ``InputError`` for one that no person would read."""
    name = value.strip()
    if has_controls(name) or len(name) > _LONGEST:
        raise InputError("gates_inventory", f"{name[:_LONGEST]!r} is no name; use up to {_LONGEST} letters of one line")
    return name


def read_signers(project: Path, value: str) -> str:
    """Return the text of the file, relative to the project, which must hold public keys, and no private one.

    Raises ``InputError``.
    """
    if not value:
        raise InputError("rollout_allowed_signers", f"it is not set; name a file, and {_WRITE}")
    path = path_of(project, value)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            "rollout_allowed_signers", f"{path} cannot be read ({error}); name a file, and {_WRITE}"
        ) from error
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if "PRIVATE KEY" in text or not any(word.startswith("AAAA") for words in lines for word in words[1:]):
        raise InputError("rollout_allowed_signers", f"{path} allows nobody, or holds a private key; {_WRITE}")
    return text


def sign_rollback(signer: Signer, release: str, run: str) -> Receipt:
    """Sign the permission to go back to a release that hosts have."""
    facts = {"release": release, "run": run}
    return _signed(receipts.state(receipts.ROLLBACK, now(), _HOURS, signer.inventory, **facts), signer)


def sign_engine(key: Path) -> Receipt:
    """Sign the engine of this controller, for hosts that have one of their own. May be called from any thread."""
    with _signing:
        return _signed_engine(key)


@functools.lru_cache(maxsize=4)
def _signed_engine(key: Path) -> Receipt:
    statement = receipts.state("engine", now(), _HOURS, "", digest_of_engine=remote.pack().digest)
    return Receipt(statement, sign(receipts.canonical(statement), key, receipts.ENGINE_NAMESPACE))


def sign_trust(
    inventory: str,
    signers: str,
    *,
    forget: bool,
    key: Path | None,
    policy: Mapping[str, Any] | None = None,
    hours: float = _HOURS,
) -> Receipt:
    """State who may sign for the hosts of an inventory, signed where there is a key.

    An empty ``policy`` leaves the one that they have. It is good for ``hours``.
    """
    facts: dict[str, Any] = {"signers": signers, "engine": remote.pack().digest, "forget": forget}
    if policy:
        facts["policy"] = dict(policy)
    statement = receipts.state("trust", now(), hours, inventory, **facts)
    if key is None:
        return Receipt(statement)
    return Receipt(statement, sign(receipts.canonical(statement), key, receipts.TRUST_NAMESPACE))


def _signed(statement: dict[str, Any], signer: Signer) -> Receipt:
    return Receipt(statement, sign(receipts.canonical(statement), signer.key))
