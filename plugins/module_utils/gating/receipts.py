"""Receipts on the controller: beside a release that passed lie ``receipt.json`` and, with a key, its signature."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import receipt as receipts
from ..errors import InputError, SluiceError
from ..release.store import Release, write_json
from ..storage import write_text
from ..textfmt import now

if TYPE_CHECKING:
    from .examine import Examined

__all__ = ["Receipt", "read_receipt", "renew_receipt", "sign", "withdraw_receipt", "write_receipt"]

_KEY = "gates_signing_key"
_FIX = "run sluice.nginx.deploy, whose gates write a receipt"
# Seconds. Signing takes milliseconds, unless an agent asks its owner first.
_TIMEOUT = 60


class Receipt(NamedTuple):
    """A receipt and the armored text of its signature, empty when there is none."""

    content: dict[str, Any]
    signature: str = ""


def write_receipt(
    examined: Examined,
    run: str,
    hours: float = 24,
    key: Path | None = None,
    *,
    inventory: str = "",
    reason: str = "",
    lived: Sequence[Mapping[str, Any]] = (),
    moments: Mapping[str, Any] | None = None,
) -> Receipt:
    """Write the receipt of a release: which gates it passed, when, in which run, for which inventory and content.

    ``lived`` says where it has lived, by the records, and ``moments`` when it may be activated. The receipt is good for
    ``hours``, and signed with ``key`` where there is one. A release that has not passed gets one for the ``reason`` of
    an emergency only, of a kind of its own. Raises ``SluiceError`` where there is no reason, ``InputError`` when the
    key cannot sign.
    """
    release = examined.candidate.release
    if release is None or not (examined.passed or reason):
        raise SluiceError("a release that has not passed every gate gets no receipt")
    gates = {verdict.gate: verdict.result for verdict in examined.verdicts}
    kind = {} if examined.passed else {"kind": receipts.EMERGENCY, "reason": reason}
    described = release.described
    terms: dict[str, Any] = {"inventory": inventory, "described": described, "lived": lived, "moments": moments, **kind}
    content = receipts.issue(release.id, run, now(), hours, gates, **terms)
    signature = sign(receipts.canonical(content), key) if key else ""
    # Never a signature beside a receipt that it is not of.
    _signature(release).unlink(missing_ok=True)
    write_json(_content(release), content)
    if signature:
        write_text(_signature(release), signature)
    return Receipt(content, signature)


def withdraw_receipt(release: Release) -> None:
    """Remove the receipt of an earlier run: the release has not passed the gates now."""
    _content(release).unlink(missing_ok=True)
    _signature(release).unlink(missing_ok=True)


def read_receipt(release: Release, *, emergency: bool = False) -> Receipt:
    """Read what the gates wrote; that of an emergency counts only in an ``emergency``.

    Raises ``SluiceError`` that names all that is wrong with it.
    """
    fix, content = _FIX, _read(release)
    kinds = (receipts.PASSED, receipts.EMERGENCY) if emergency else (receipts.PASSED,)
    faults = receipts.faults(content, release.id, now(), kinds)
    if faults:
        raise SluiceError(f"{'; '.join(faults)}; {fix}")
    signature = _signature(release)
    try:
        return Receipt(content, signature.read_text(encoding="ascii") if signature.is_file() else "")
    except (OSError, ValueError) as error:
        raise SluiceError(f"the signature {signature} cannot be read ({error}); {fix}") from error


def renew_receipt(release: Release, hours: float, key: Path) -> Receipt:
    """Sign the receipt of a release that hosts have confirmed since once more, good for ``hours`` from now on.

    It says the same of the gates, and of an emergency. Raises ``SluiceError`` for one that was never good, or that is
    of a release that was not made here; ``InputError`` when the key cannot sign.
    """
    content = _read(release)
    at = str(content.get("at")) if isinstance(content, dict) else now()
    faults = receipts.faults(content, release.id, at, (receipts.PASSED, receipts.EMERGENCY))
    if faults:
        raise SluiceError(f"{'; '.join(faults)}; {_FIX}")
    again = receipts.renewed(content, now(), hours)
    return Receipt(again, sign(receipts.canonical(again), key))


def _read(release: Release) -> Any:
    try:
        return json.loads(_content(release).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SluiceError(f"the receipt {_content(release)} cannot be read ({error}); {_FIX}") from error


def _content(release: Release) -> Path:
    return release.root / "receipt.json"


def _signature(release: Release) -> Path:
    return release.root / "receipt.json.sig"


def sign(data: bytes, key: Path, namespace: str = receipts.NAMESPACE) -> str:
    """Sign with ``ssh-keygen -Y sign`` and nobody to ask; a key with a passphrase must be in ssh-agent.

    ``namespace`` says what for. ``key`` is a private key, or the public one of a key in the agent. Raises
    ``InputError`` in words.
    """
    if not key.is_file():
        raise InputError(
            _KEY, f"there is no file {key}; make a key with `ssh-keygen -t ed25519 -f {key}`, or correct it"
        )
    if not os.access(key, os.R_OK):
        raise InputError(_KEY, f"{key} cannot be read by this user; give the user the file")
    with tempfile.TemporaryDirectory(prefix="sluice-sign-") as folder:
        path = Path(folder, "receipt")
        path.write_bytes(data)
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key), str(path)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
                # Without a terminal ssh-keygen has nowhere to ask for a passphrase.
                start_new_session=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except FileNotFoundError as error:
            raise InputError(
                _KEY, "ssh-keygen is missing here; install openssh-client, or leave receipts unsigned"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise InputError(_KEY, f"ssh-keygen did not sign with {key} within {_TIMEOUT} s") from error
        if done.returncode != 0:
            raise InputError(_KEY, _refusal(key, done.stdout.decode("utf-8", "replace")))
        return path.with_name("receipt.sig").read_text(encoding="ascii")


def _refusal(key: Path, said: str) -> str:
    if "passphrase" in said:
        return (
            f"{key} has a passphrase, and nobody is asked for it here; add the key to ssh-agent (`ssh-add`), and name "
            "its public key's path"
        )
    if "too open" in said:
        return f"{key} can be read by others, so ssh-keygen ignores it; `chmod 600 {key}`"
    return f"ssh-keygen cannot sign with {key}: {' '.join(said.split())[-300:]}"
