"""An answer as fields that can be compared one by one; what differs for staging's reasons is made equal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from ..config.derive import DerivedRequest
from .pools import Pools

__all__ = ["UNHEARD", "Fields", "fields_of", "varying"]

Fields = Mapping[str, str]

UNHEARD = "unheard"
"""The field of an answer for which the upstream was not told how to answer: it compares with none that was."""

_OVERRIDE = "x-sluice-answer"
# They say when something was made, or how it was sent.
_PRESENCE = ("etag", "last-modified", "expires")
_DROPPED = ("keep-alive", "age")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, \d\d[- ]\w{3}[- ]\d{2,4} \d\d:\d\d:\d\d GMT|\d\d-\w{3}-\d{4} \d\d:\d\d"
)
_SOURCE = re.compile(r"\b127\.1\d\d\.\d+\.\d+\b")


def fields_of(
    request: DerivedRequest, answer: Mapping[str, Any], releases: Sequence[str], pools: Pools, candidate: bool
) -> Fields:
    """Flatten the answer of a request; ``releases`` are ids, which stand in paths that nginx tells."""

    def plain(text: str) -> str:
        for identity in releases:
            text = text.replace(identity, "RELEASE")
        return _SOURCE.sub("127.0.0.1", _DATE.sub("DATE", text))

    fields: dict[str, str] = {}
    status = answer.get("status")
    fields["scheme"], fields["host"], fields["path"] = request.scheme, request.host, request.path
    fields["status"] = str(status) if status is not None else answer.get("fault") or "accepted"
    for name, value in answer.get("headers", []):
        if name in _DROPPED:
            continue
        key = f"header {name}"
        shown = "present" if name in _PRESENCE else plain(value)
        if name == "location":
            shown = urljoin(request.url, shown)
        fields[key] = f"{fields[key]}, {shown}" if key in fields else shown
    if "digest" in answer:
        masked = plain(answer["text"])
        changed_by_mask = masked != answer["text"]
        text = masked if changed_by_mask or answer["size"] <= len(answer["text"]) else f"{masked}{answer['digest']}"
        fields["body"] = text.split("\n", 1)[0] if fields["status"] == "accepted" else text
    for name, value in answer.get("tls", {}).items():
        fields[f"tls {name}"] = ", ".join(value) if isinstance(value, list) else str(value)
    # Late ones make upstreams fail, and which one is tried instead is chance; whose answer comes in the end is not.
    if request.late:
        fields["place"] = "the upstream's own answer" if answer.get("passed") else "nginx's own answer"
        if _is_unheard(request, answer.get("upstream", [])):
            fields[UNHEARD] = "headers of the client are not passed on"
    for number, record in enumerate([] if request.late else _ordered(answer.get("upstream", []))):
        fields.update(_upstream(f"upstream {number}", record, pools, candidate, plain))
    return fields


def _is_unheard(request: DerivedRequest, records: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether upstreams were asked, and by none of them the header came in that says how to answer."""
    wished = any(name.lower() == _OVERRIDE for name, _ in request.headers)
    heard = (name.lower() for record in records for name in record.get("headers") or {})
    return wished and bool(records) and _OVERRIDE not in heard


def _ordered(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sub-requests come in any order."""
    return sorted(records, key=lambda record: (str(record.get("path")), str(record.get("address"))))


def _upstream(prefix: str, record: Mapping[str, Any], pools: Pools, candidate: bool, plain: Any) -> dict[str, str]:
    found = {
        f"{prefix} address": pools.place(str(record.get("address", "")), candidate),
        f"{prefix} protocol": str(record.get("protocol", "")),
        f"{prefix} method": str(record.get("method", "")),
        f"{prefix} version": str(record.get("version", "")),
        f"{prefix} path": plain(str(record.get("path", ""))),
        f"{prefix} body": plain(str(record.get("body", "")))[:200],
    }
    for part in ("headers", "params"):
        for name, value in (record.get(part) or {}).items():
            shown = pools.host(str(value)) if name == "host" else plain(str(value))
            found[f"{prefix} {'header' if part == 'headers' else 'param'} {name}"] = shown
    return found


def varying(first: Fields, second: Fields) -> set[str]:
    """Return the fields that differ between two answers of the same release to the same request."""
    return {key for key in {*first, *second} if first.get(key) != second.get(key)}
