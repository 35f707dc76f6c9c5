"""Drift: where the live tree is no longer its release."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable

from ...manifest import PathDifference, compare, entries_from_json, read_tree, why_odd
from ...untrusted import printable
from ..session import Problem, Session

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = ["NOT_LINKED", "difference_text", "drift", "drift_problem", "is_ours", "odd_problems"]

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
    tree = session.layout.conf
    if not tree.is_dir():
        return found or [PathDifference(NOT_LINKED, "removed")]
    manifest = entries_from_json(session.store.meta(live).get("manifest", []))
    return found + compare(manifest, read_tree(tree.resolve(), odd=True))


def odd_problems(session: Session) -> list[Problem]:
    """Return what of ``/etc/nginx`` cannot be adopted, since no release can hold it, by its path there."""
    conf = session.layout.conf
    problems = []
    for path, why in _odd(session):
        problems.append(
            Problem(
                f"{conf}/{path} cannot be adopted on this host: {why}",
                "files, directories and links, with names in UTF-8 and without control characters",
                fix=f"remove it or move it out of {conf}, and deploy again",
            )
        )
    return problems


def _odd(session: Session) -> list[tuple[str, str]]:
    entries = read_tree(session.layout.conf.resolve(), odd=True)
    found = [(printable(entry.path), why_odd(entry)) for entry in entries]
    return [(path, why.partition(";")[0]) for path, why in found if why][:_MOST_FILES]


def is_ours(session: Session, state: Json) -> bool:
    """Return whether Sluice has ever switched this host; else what ``/etc/nginx`` holds is to be adopted."""
    if session.layout.linked(ours=True) is not None:
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
    odd = dict(_odd(session))
    paths = [(printable(path), what) for path, what in differences[:_MOST_FILES] if path != NOT_LINKED]
    listed = [f"{path} ({what}{': ' + odd[path] if path in odd else ''})" for path, what in paths]
    if any(path == NOT_LINKED for path, _ in differences):
        listed.insert(0, f"/etc/nginx no longer leads to the live release ({_instead(session)})")
    more = f" and {len(differences) - _MOST_FILES} more" if len(differences) > _MOST_FILES else ""
    return Problem(
        "the live tree was changed on the host since it was deployed (drift)",
        "the files of the live release",
        ", ".join(listed) + more,
        "adopt it (-e rollout_drift=adopt keeps a copy as a release to go back to) or discard it "
        "(-e rollout_drift=discard), or bring the change into the deployed tree",
        diff=difference_text(session, state, differences),
    )


def _instead(session: Session) -> str:
    """Return what is in the link's place, and who usually puts it there."""
    conf = session.layout.conf
    if conf.is_symlink():
        return f"it is a link to {printable(os.readlink(conf))}"
    if conf.is_dir():
        return "it is a directory again, as a purge of the package or a configuration management leaves it"
    return "it is gone, as after a purge of the package" if not conf.exists() else "it is no directory"


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
