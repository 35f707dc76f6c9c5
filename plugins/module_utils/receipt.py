"""What a controller states and signs, and what a host demands to see before it takes a release.

A receipt is ``{schema, kind, release, run, at, expires, number, inventory, gates, reason, contents, digest}``; times
are ISO-8601 in UTC with milliseconds. ``number`` only grows: the milliseconds from 1970 to ``at``. ``contents`` has a
digest of each part of the release that its id does not cover; ``lived`` says where the release has lived by the records
of the controller, as ``{inventory, hosts, now, since, until, hours, rolled_back}``. Kinds: ``gates`` for a release that
passed, ``emergency`` for one that did not and goes out for a ``reason``, ``rollback`` for one that the host has,
``drill`` for one that is what the host serves already, is rolled back in any case, and so needs no gate.

One code for both sides, so that neither can think otherwise of a receipt than the other. The digest keeps accidents
out; it is the signature over ``canonical()`` that keeps people out.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any, Mapping, Sequence

__all__ = [
    "APPROVAL",
    "APPROVAL_NAMESPACE",
    "DRILL",
    "DRILL_FILE",
    "EMERGENCY",
    "ENGINE_NAMESPACE",
    "GATES",
    "NAMESPACE",
    "PASSED",
    "PUBLISH",
    "PUBLISH_NAMESPACE",
    "ROLLBACK",
    "ROLLOUT_NAMESPACE",
    "SCHEMA",
    "TRUST_NAMESPACE",
    "canonical",
    "contents",
    "digest",
    "faults",
    "gate_faults",
    "is_ahead",
    "issue",
    "renewed",
    "state",
    "time_faults",
    "unlike",
]

SCHEMA = 2
# Without these no host takes a release. A controller may have more gates, of its user's own; they must pass as well.
GATES = (
    *("spec", "parse", "lint", "needs", "syntax", "start"),
    *("smoke", "reload", "coverage", "behaviour", "renewal", "verify"),
)
PASSED, EMERGENCY, ROLLBACK, DRILL = "gates", "emergency", "rollback", "drill"
PUBLISH = "publish"
"""What says which release a host that pulls is to serve."""
APPROVAL = "approval"
"""What a person signs about a release, beside its receipt: ``{release, inventory, contents, emergency, …}``."""
DRILL_FILE = ".sluice-drill"
"""The one file, which nginx never reads, in which the release of a drill differs from what the host serves."""
# What a signature is for, in the words of ssh-keygen: one that was made for anything else is none for a receipt.
NAMESPACE = "sluice-receipt"
ENGINE_NAMESPACE = "sluice-engine"
TRUST_NAMESPACE = "sluice-trust"
ROLLOUT_NAMESPACE = "sluice-rollout"
APPROVAL_NAMESPACE = "sluice-approval"
PUBLISH_NAMESPACE = "sluice-publish"

# Both sides write times so, and then the order of texts is that of times.
_TIME = r"(?a)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# What a host is sent of a release and acts upon. Needs are only asked for; they are signed all the same.
_SENT = ("contract", "facts", "shared", "manifest", "platform")
_PARTS = (*_SENT, "needs")
# A clock that runs ahead would keep later receipts out for as long.
_MOST_AHEAD = 3600 * 1000


def issue(
    release: str,
    run: str,
    at: str,
    hours: float,
    gates: Mapping[str, str],
    *,
    kind: str = PASSED,
    inventory: str = "",
    reason: str = "",
    described: Mapping[str, Any] | None = None,
    lived: Sequence[Mapping[str, Any]] = (),
    moments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the receipt of ``release`` for the results of its gates; it is good for ``hours`` from ``at`` on.

    ``described`` is the release's description, whose parts the receipt binds. ``reason`` is that of an emergency,
    ``moments`` the ``windows`` and ``freezes`` outside of which the receipt counts for nothing.
    """
    bound = contents(described or {})
    facts: dict[str, Any] = {"release": release, "run": run, "gates": dict(gates), "contents": bound}
    more = {"reason": reason} if reason else {}
    if lived:
        facts["lived"] = [dict(each) for each in lived]
    return state(kind, at, hours, inventory, **facts, **_given(moments), **more)


def _given(moments: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: rows for name, rows in (moments or {}).items() if rows}


def state(kind: str, at: str, hours: float, inventory: str, **facts: Any) -> dict[str, Any]:
    """Make a statement that can be signed: ``facts``, and for how long and for which inventory they are stated."""
    # Here, since only the controller states anything.
    from datetime import datetime, timedelta, timezone

    since = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    expires = (since + timedelta(hours=hours)).replace(tzinfo=None)
    statement: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": kind,
        "at": at,
        "expires": expires.isoformat(timespec="milliseconds") + "Z",
        "number": round(since.timestamp() * 1000),
        "inventory": inventory,
        **facts,
    }
    return {**statement, "digest": digest(statement)}


def renewed(receipt: Mapping[str, Any], at: str, hours: float) -> dict[str, Any]:
    """Make the receipt of a release that was confirmed since once more, good for ``hours`` from ``at`` on."""
    own = ("schema", "kind", "at", "expires", "number", "inventory", "digest")
    facts = {name: value for name, value in receipt.items() if name not in own}
    return state(str(receipt["kind"]), at, hours, str(receipt["inventory"]), **facts)


def contents(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256, in hex, of each part of a release's description that a receipt binds."""
    return {name: sha256(canonical(described[name])).hexdigest() for name in _PARTS if name in described}


def canonical(value: object) -> bytes:
    """Return the bytes that are signed: the same for the same content, however it was stored."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(receipt: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a receipt without its digest."""
    content = {key: value for key, value in receipt.items() if key != "digest"}
    return sha256(canonical(content)).hexdigest()


def faults(receipt: object, release: str, at: str, kinds: tuple[str, ...] = (PASSED,)) -> list[str]:
    """Return all that is wrong with ``receipt`` as one of ``kinds`` for ``release`` at the time ``at``, in words;
    nothing when it is good."""
    if not receipt:
        return [f"there is no receipt of the gates for release {release[:12]}"]
    if not isinstance(receipt, dict) or receipt.get("schema") != SCHEMA:
        return [f"what is there as the receipt of release {release[:12]} is none, or one of another version"]
    kind, found = receipt.get("kind"), []
    if receipt.get("release") != release:
        found.append(f"the receipt is for release {str(receipt.get('release'))[:12]}, not for {release[:12]}")
    if kind not in kinds:
        found.append(f"the receipt is of the kind {str(kind)[:12]}, and one of the kind {kinds[0]} is needed")
    if receipt.get("digest") != digest(receipt):
        found.append("the receipt was changed after the gates wrote it: its digest is not that of its content")
    if kind == EMERGENCY and not (isinstance(receipt.get("reason"), str) and receipt["reason"].strip()):
        found.append("the receipt of an emergency gives no reason")
    gates = gate_faults(receipt) if kind == PASSED else []
    return found + gates + time_faults(receipt, at)


def gate_faults(receipt: Mapping[str, Any]) -> list[str]:
    """Return which gates a receipt lacks, and which have not passed."""
    gates = receipt.get("gates")
    results = gates if isinstance(gates, dict) else {}
    found = [f"the receipt lacks the gate {name}" for name in GATES if name not in results]
    return found + [
        f"the receipt says that the gate {name} did not pass: {result}"
        for name, result in results.items()
        if result != "pass"
    ]


def time_faults(statement: Mapping[str, Any], at: str) -> list[str]:
    """Return why a statement does not count at the time ``at``, or not any more."""
    expires = statement.get("expires")
    if not isinstance(expires, str) or not re.fullmatch(_TIME, expires):
        return [f"the receipt does not say until when it is good: {expires!r} is no time"]
    return [f"the receipt expired at {expires}; here it is {at}"] if expires <= at else []


def is_ahead(statement: Mapping[str, Any], now: int) -> bool:
    """Return whether a statement comes from more than an hour after ``now``, in milliseconds from 1970 on."""
    number = statement.get("number")
    return not isinstance(number, int) or number > now + _MOST_AHEAD


def unlike(receipt: Mapping[str, Any], sent: Mapping[str, Any]) -> list[str]:
    """Return which parts of a release are not those that its receipt binds, or are not bound."""
    bound, here = receipt.get("contents"), contents(sent)
    known = bound if isinstance(bound, dict) else {}
    return [name for name in _SENT if here.get(name) != known.get(name) or name not in known]
