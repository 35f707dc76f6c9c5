"""The releases of a run without gates, whose hosts have them stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import SluiceError
from ..release.changes import changes
from ..release.store import Release
from ..untrusted import ReleaseId, read_release_id
from .run_record import Event

__all__ = ["stored_releases"]


def stored_releases(events: Iterable[Event], find: Callable[[ReleaseId], Release | None]) -> list[dict[str, Any]]:
    """Describe the releases of a run without gates, whose hosts had them stored; ``find`` looks on the controller."""
    ways: dict[tuple[str, str], list[str]] = {}
    for event in events:
        if event.phase == "preflight" and event.answer.get("release"):
            way = (str(event.answer["release"]), str(event.answer.get("live") or ""))
            ways.setdefault(way, []).append(event.host)
    rows = []
    for (wanted, live), hosts in ways.items():
        there, before = _found(find, wanted), _found(find, live)
        known = changes(before, there) if there is not None and wanted != live else []
        row = {"release": wanted, "hosts": hosts, "passed": None, "synthesized": [], "verdicts": []}
        rows.append({**row, "live": live or None, "changes": known, "culprits": None})
    return rows


def _found(find: Callable[[ReleaseId], Release | None], named: str) -> Release | None:
    try:
        return find(read_release_id(named))
    except SluiceError:
        return None
