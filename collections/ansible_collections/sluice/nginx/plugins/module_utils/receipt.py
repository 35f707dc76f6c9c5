"""The receipt of the gates: what the controller writes when a release has passed, and what a host demands to see.

``{schema, release, run, at, expires, gates: {name: result}, digest}``; times are ISO-8601 in UTC with milliseconds. One
code for both sides, so that neither can think otherwise of a receipt than the other. The digest keeps accidents out;
it is the signature over ``canonical()`` that keeps people out.
"""

from __future__ import annotations

from .lean import TYPE_CHECKING, json, sha256
from .lean.texts import fits

if TYPE_CHECKING:
    from typing import Any, Mapping

__all__ = ["GATES", "NAMESPACE", "SCHEMA", "canonical", "digest", "faults", "issue"]

SCHEMA = 1
# Without these no host takes a release. A controller may have more gates, of its user's own; they must pass as well.
GATES = (
    *("spec", "parse", "lint", "needs", "syntax", "start"),
    *("smoke", "reload", "coverage", "behaviour", "verify"),
)
# What a signature is for, in the words of ssh-keygen: one that was made for anything else is none for a receipt.
NAMESPACE = "sluice-receipt"

# Both sides write times so, and then the order of texts is that of times.
_TIME = "0000-00-00T00:00:00.000Z"


def issue(release: str, run: str, at: str, hours: float, gates: Mapping[str, str]) -> dict[str, Any]:
    """Make the receipt of ``release`` for the results of its gates; it is good for ``hours`` from ``at`` on."""
    # Only the controller issues any, and to import this takes a host longer than to examine one.
    from datetime import datetime, timedelta

    expires = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ") + timedelta(hours=hours)
    receipt: dict[str, Any] = {
        "schema": SCHEMA,
        "release": release,
        "run": run,
        "at": at,
        "expires": expires.isoformat(timespec="milliseconds") + "Z",
        "gates": dict(gates),
    }
    return {**receipt, "digest": digest(receipt)}


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: the same for the same content, however it was stored."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":")).encode()


def digest(receipt: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a receipt without its digest."""
    content = {key: value for key, value in receipt.items() if key != "digest"}
    return sha256(canonical(content)).hexdigest()


def faults(receipt: object, release: str, at: str) -> list[str]:
    """Say in words all that is wrong with ``receipt`` as one for ``release`` at the time ``at``; nothing when it is
    good."""
    if not receipt:
        return [f"there is no receipt of the gates for release {release[:12]}"]
    if not isinstance(receipt, dict) or receipt.get("schema") != SCHEMA:
        return [f"what is there as the receipt of release {release[:12]} is none, or one of another version"]
    found = []
    if receipt.get("release") != release:
        found.append(f"the receipt is for release {str(receipt.get('release'))[:12]}, not for {release[:12]}")
    if receipt.get("digest") != digest(receipt):
        found.append("the receipt was changed after the gates wrote it: its digest is not that of its content")
    return found + _gate_faults(receipt.get("gates")) + _time_faults(receipt.get("expires"), at)


def _gate_faults(gates: object) -> list[str]:
    results = gates if isinstance(gates, dict) else {}
    found = [f"the receipt lacks the gate {name}" for name in GATES if name not in results]
    return found + [
        f"the receipt says that the gate {name} did not pass: {result}"
        for name, result in results.items()
        if result != "pass"
    ]


def _time_faults(expires: object, at: str) -> list[str]:
    if not isinstance(expires, str) or not fits(expires, _TIME):
        return [f"the receipt does not say until when it is good: {expires!r} is no time"]
    return [f"the receipt expired at {expires}; here it is {at}"] if expires <= at else []
