"""The policy that hosts are told: who has to approve, when changes may come, and where a release has to soak first."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from .. import receipt as receipts
from ..errors import InputError, SluiceError
from ..gating.receipts import sign
from ..record.lived import read_demand
from ..release.store import Release, write_json
from ..textfmt import moment, now

__all__ = ["approve", "read_approvals", "read_moments", "read_policy"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z", re.ASCII)
_KEYS = ("approvals", "approvers", "emergency", "windows", "freezes", "soaked")
_FOLDER = "approvals"
_MOST = 20


def read_policy(value: object, path: str = "rollout_policy") -> dict[str, Any]:
    """Return a policy as hosts keep it; empty where there is none. Raises ``InputError``."""
    if not value:
        return {}
    rule = _mapping(value, path, _KEYS)
    found: dict[str, Any] = {**_people(rule, path), **read_moments(rule.get("windows"), rule.get("freezes"), path)}
    if rule.get("emergency"):
        where = f"{path}.emergency"
        found["emergency"] = _people(_mapping(rule["emergency"], where, ("approvals", "approvers")), where)
        if not found["emergency"]["approvals"]:
            raise InputError(where, "it asks for nobody; give approvals from 1 on, or leave emergency out")
    demand = read_demand(f"{path}.soaked", rule.get("soaked") or {})
    if demand:
        found["soaked"] = {"inventory": demand.inventory, "hours": demand.hours, "hosts": demand.hosts}
    return found


def read_moments(windows: object, freezes: object, path: str) -> dict[str, Any]:
    """Return windows and freezes as receipts and policies have them. Raises ``InputError``."""
    return {
        "windows": [_window(row, f"{path}.windows[{n}]") for n, row in enumerate(_rows(windows, f"{path}.windows"))],
        "freezes": [_freeze(row, f"{path}.freezes[{n}]") for n, row in enumerate(_rows(freezes, f"{path}.freezes"))],
    }


def _people(rule: Mapping[str, Any], path: str) -> dict[str, Any]:
    try:
        needed = int(str(rule.get("approvals", 0)))
    except ValueError as error:
        raise InputError(f"{path}.approvals", f"{rule['approvals']!r} is no number of people") from error
    approvers = [str(name) for name in _rows(rule.get("approvers"), f"{path}.approvers")]
    if not 0 <= needed <= len(set(approvers)):
        words = f"{needed} of {len(set(approvers))} approvers cannot approve; name them as in rollout_allowed_signers"
        raise InputError(f"{path}.approvers", words)
    return {"approvals": needed, "approvers": list(dict.fromkeys(approvers))}


def _window(value: object, path: str) -> dict[str, Any]:
    row = _mapping(value, path, ("days", "from", "to"))
    days = [str(day).lower()[:3] for day in _rows(row.get("days", list(_DAYS)), f"{path}.days")]
    if not days or not set(days) <= set(_DAYS):
        raise InputError(f"{path}.days", f"expected days of {', '.join(_DAYS)}")
    return {"days": days, "from": _clock(row.get("from"), f"{path}.from"), "to": _clock(row.get("to"), f"{path}.to")}


def _clock(value: object, path: str) -> str:
    # YAML reads 16:30 without quotes as a number of minutes.
    text = f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if not _CLOCK.match(text):
        raise InputError(path, f"{value!r} is no time of the day; give one in UTC as '09:00'")
    return text


def _freeze(value: object, path: str) -> dict[str, str]:
    row = _mapping(value, path, ("from", "to", "reason"))
    ends = {}
    for name in ("from", "to"):
        at = moment(row.get(name))
        if at is None:
            raise InputError(f"{path}.{name}", f"{row.get(name)!r} is no moment; give one as 2026-12-20T00:00:00Z")
        ends[name] = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if ends["from"] >= ends["to"]:
        raise InputError(path, "it ends before it begins")
    return {**ends, "reason": str(row.get("reason") or "")}


def _mapping(value: object, path: str, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(path, f"{value!r} is no mapping")
    odd = sorted(set(map(str, value)) - set(known))
    if odd:
        raise InputError(path, f"{odd[0]!r} is no key of it; its keys: {', '.join(known)}")
    return value


def _rows(value: object, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(path, f"{value!r} is no list")
    return value


def approve(release: Release, inventory: str, key: Path, hours: float, who: str, emergency: str = "") -> Path:
    """Sign that a person approves a release for an inventory, and put that beside it; returns the path.

    ``emergency`` is the reason for which it counts as one. Raises ``InputError`` where the key cannot sign.
    """
    facts: dict[str, Any] = {"release": release.id, "who": who, "contents": receipts.contents(release.described)}
    if emergency:
        facts["emergency"] = emergency
    statement = receipts.state(receipts.APPROVAL, now(), hours, inventory, **facts)
    signature = sign(receipts.canonical(statement), key, receipts.APPROVAL_NAMESPACE)
    path = release.root / _FOLDER / f"{statement['digest'][:16]}.json"
    write_json(path, {"statement": statement, "signature": signature})
    return path


def read_approvals(release: Release) -> list[dict[str, Any]]:
    """Return what people signed about a release and is good still, the newest first. Raises ``SluiceError``."""
    found = []
    for path in (release.root / _FOLDER).glob("*.json"):
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            is_good = not receipts.time_faults(row["statement"], now())
            found += [{"statement": row["statement"], "signature": str(row["signature"])}] if is_good else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SluiceError(f"the approval {path} cannot be read ({error}); remove it, and approve again") from error
    return sorted(found, key=lambda row: str(row["statement"].get("at")), reverse=True)[:_MOST]
