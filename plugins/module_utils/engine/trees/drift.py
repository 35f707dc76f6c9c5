"""Drift: where the live tree is no longer its release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from ...manifest import PathDifference, compare, entries_from_json, read_tree
from ..session import Problem, Session

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = ["NOT_LINKED", "difference_text", "drift", "drift_problem", "is_ours"]

NOT_LINKED = "."
_MOST_FILES, _MOST_TEXT = 20, 64 << 10


def drift(session: Session, state: Json) -> list[PathDifference]:
    """List where the live tree is no longer its release. The path ``.`` stands for the link itself.

    A host that Sluice never switched has no drift.
    """
    live = state["live"]
    if live is None or not is_ours(session, state):
        return []
    found = [] if session.layout.linked() == _expected_link(state) else [PathDifference(NOT_LINKED, "changed")]
    tree = session.layout.release(live) if not found else session.layout.conf
    if not tree.is_dir():
        return found or [PathDifference(NOT_LINKED, "removed")]
    manifest = entries_from_json(session.store.meta(live).get("manifest", []))
    return found + compare(manifest, read_tree(tree.resolve()))


def is_ours(session: Session, state: Json) -> bool:
    """Return whether Sluice has ever switched this host; else what ``/etc/nginx`` holds is to be adopted."""
    if session.layout.linked() is not None:
        return True
    return any((record.get("confirmed") or {}).get("run") for record in state["releases"].values())


def _expected_link(state: Json) -> str | None:
    pending = state["pending"]
    if pending and pending["phase"] not in ("intent", "rolling_back"):
        return str(pending["release"])
    live: str | None = state["live"]
    return live


def drift_problem(session: Session, state: Json, differences: list[PathDifference]) -> Problem:
    """Return which paths are not as the release left them, at most twenty, and how their texts differ."""
    listed = [f"{path} ({what})" for path, what in differences[:_MOST_FILES] if path != NOT_LINKED]
    if any(path == NOT_LINKED for path, _ in differences):
        listed.insert(0, "/etc/nginx no longer leads to the live release")
    more = f" and {len(differences) - _MOST_FILES} more" if len(differences) > _MOST_FILES else ""
    return Problem(
        "the live tree was changed on the host since it was deployed (drift)",
        "the files of the live release",
        ", ".join(listed) + more,
        "adopt it (-e rollout_drift=adopt keeps a copy as a release to go back to) or discard it "
        "(-e rollout_drift=discard), or bring the change into the deployed tree",
        diff=difference_text(session, state, differences),
    )


def difference_text(session: Session, state: Json, differences: Iterable[PathDifference]) -> str:
    """Return a unified diff from the release to the live tree, of the first twenty files, at most 64 KiB.

    What is secret on either side is not in it.
    """
    paths = [each.path for each in differences if each.path != NOT_LINKED][:_MOST_FILES]
    if not paths or not state["live"]:
        return ""
    from .disclosure import differences as compared
    from .disclosure import read_pristine, read_side

    live = read_side(session.layout.conf.resolve())
    if live is None:
        return "(not shown: the live tree is too large to tell what is secret in it)"
    before = read_pristine(session, state)
    lines = compared(before, live, session.layout.conf, paths, ("release", "live"))
    text = "\n".join(lines)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}\n(and more)"
