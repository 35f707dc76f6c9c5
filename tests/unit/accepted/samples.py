"""Entries and findings that the tests of ``accepted.yml`` share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.model import AcceptedChange, read_changes
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

__all__ = ["BAD", "HIDDEN", "LIVE", "MOVED", "NEW", "OTHER", "SLOW", "change", "record", "row", "verdict"]

LIVE, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
MOVED = Finding(
    "location /old → /new: clients go elsewhere",
    file="conf.d/shop.conf",
    line=7,
    expected="location /old, as the live release answers",
    actual="/new for GET http://shop.example/old and 7 more",
    fix="fix it",
)
SLOW = Finding("proxy_read_timeout 60s → 60ms", file="conf.d/shop.conf", line=9, expected="60s", actual="60ms")
BAD = Finding("nginx does not start: it ended with 1", nginx="bind() failed")
HIDDEN = Finding("status 200 → 500", file="conf.d/shop.conf", line=7, warning=True)


def row(*findings: Finding, gate: str = "behaviour", **more: Any) -> dict[str, Any]:
    """An entry as plain data."""
    told = [
        {
            "gate": gate,
            **{name: getattr(each, name) for name in ("file", "what", "expected", "actual") if getattr(each, name)},
        }
        for each in findings or (MOVED,)
    ]
    pair = {name: more.pop(name, given) for name, given in (("live", LIVE), ("candidate", NEW))}
    head = {"run": "20260102T030405-abcd", "changes": [pair], "who": "ada"}
    return {**head, "when": "2026-01-02T03:04:05Z", "reason": "the catalogue moved", "findings": told, **more}


def change(*findings: Finding, **more: Any) -> AcceptedChange:
    """An entry."""
    return read_changes([row(*findings, **more)], "accepted.yml")[0]


def verdict(*findings: Finding, gate: str = "behaviour", **evidence: Any) -> Verdict:
    """What a gate says of findings."""
    return replace(Verdict.of(findings, "fine", **evidence), gate=gate)


def record(*verdicts: Verdict, live: str | None = LIVE, release: str | None = NEW, **more: Any) -> dict[str, Any]:
    """The record of a run, as far as it is read."""
    told = {"release": release, "live": live, "verdicts": [each.to_json() for each in verdicts]}
    return {"run": {"id": "20260102T030405-abcd"}, "outcome": "stopped", "releases": [told], **more}
