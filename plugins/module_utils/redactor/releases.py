"""The redactor of a run, which knows the secrets of its releases: of their checks, and of the lines of their trees."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from .. import redaction
from ..release.store import Release
from ..storage import write_text
from .redactor import Redactor
from .sources import of_checks, of_tree

__all__ = ["door_of", "secrets_of"]

_NAME = "secrets.json"


def door_of(releases: Iterable[Release | None], more: Iterable[str] = ()) -> Redactor:
    """Return the redactor of a run with these releases; ``more`` are other values that it knows to be secret."""
    known = set(more)
    for release in {each.root: each for each in releases if each is not None}.values():
        known |= secrets_of(release)
    return Redactor(known)


def secrets_of(release: Release) -> set[str]:
    """Return what is secret of a release. Its tree never changes, so what was found in it is kept beside it."""
    return of_checks(release.described.get("contract") or ()) | set(_of_tree(release))


def _of_tree(release: Release) -> list[str]:
    path = release.root / _NAME
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["rules"] == _rules():
            return [str(value) for value in kept["values"]]
    found = sorted(of_tree(release.tree))
    # Where it cannot be kept it is found anew each time.
    with contextlib.suppress(OSError):
        write_text(path, json.dumps({"rules": _rules(), "values": found}) + "\n")
    return found


@functools.cache
def _rules() -> str:
    """Return what tells the rules apart by which it was found."""
    here = [Path(redaction.__file__), Path(__file__).with_name("sources.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in here)).hexdigest()[:16]
