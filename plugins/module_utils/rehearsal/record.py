"""The record of a rehearsal: what was compared, what differed, what is published; as JSON and as a page to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..advisories.catalog import catalog
from ..storage import make_folder, write_text

__all__ = ["SCHEMA", "record_of", "write_record"]

SCHEMA = 1
"""The form of ``rehearsal.json``; it grows with what is not only added."""


def record_of(
    at: str, who: Mapping[str, str], present: str, other: str, rehearsals: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a record of ``rehearsals``, rows as the module returns them; ``present`` and ``other`` are in words."""
    sources = [{"what": each.what, "as_of": each.as_of} for each in catalog().sources]
    return {
        "schema": SCHEMA,
        "at": at,
        **who,
        "present": present,
        "other": other,
        "sources": sources,
        "rehearsals": list(rehearsals),
    }


def write_record(folder: Path, record: Mapping[str, Any], text: str) -> Path:
    """Write ``rehearsal.json`` and ``rehearsal.md`` with the ``text`` that was shown, and return the latter.

    ``folder`` is that of all rehearsals; each has one of its own, named by its time. Raises ``OSError``.
    """
    stamp = str(record["at"]).replace(":", "").replace("-", "").partition(".")[0]
    place, number = folder / stamp, 1
    while place.exists():
        number += 1
        place = folder / f"{stamp}-{number}"
    make_folder(place)
    write_text(place / "rehearsal.json", json.dumps(record, indent=2) + "\n")
    write_text(place / "rehearsal.md", _page(record, text))
    return place / "rehearsal.md"


def _page(record: Mapping[str, Any], text: str) -> str:
    rows = [f"| {_short(each)} | {each['result']} | {_listed(each['hosts'])} |" for each in record["rehearsals"]]
    sources = [f"- {each['what']}, as of {each['as_of']}" for each in record["sources"]]
    lines = [
        f"# {record['present']} → {record['other']}",
        "",
        f"Rehearsed at {record['at']} by {record['who']} on {record['host']}. No host was changed.",
        "",
        "| tree | result | hosts |",
        "| --- | --- | --- |",
        *rows,
        "",
        # Indented, and so shown as it is, whatever stands in it.
        *(f"    {line}" for line in text.splitlines()),
        "",
        "Published vulnerabilities are from:",
        "",
        *sources,
        "",
    ]
    return "\n".join(lines)


def _short(row: Mapping[str, Any]) -> str:
    return str(row.get("release") or "(none)")[:12]


def _listed(hosts: Sequence[str]) -> str:
    return ", ".join(hosts).replace("|", "\\|").replace("<", "&lt;")
