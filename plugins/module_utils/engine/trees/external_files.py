"""Files that a release refers to and does not contain, as certificates: whether they are what they were."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ..safe_open import read_any

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = ["changed_since", "fingerprints"]

_MOST = 1 << 20


def fingerprints(meta: Json) -> dict[str, str]:
    """Take the SHA-256 of each file outside that a release refers to; empty for one that cannot be read."""
    paths = (meta.get("facts") or {}).get("outside") or []
    return {path: _fingerprint(path) for path in sorted(paths)}


def changed_since(meta: Json) -> list[str]:
    """List the files outside that are no longer what they were when the release was confirmed."""
    known = meta.get("outside") or {}
    return [path for path, fingerprint in sorted(known.items()) if _fingerprint(path) != fingerprint]


def _fingerprint(path: str) -> str:
    try:
        return sha256(read_any(path, _MOST)).hexdigest()
    except OSError:
        return ""
