"""What a host is asked in each phase: the request for its engine, and the bundle. Pure: no host is asked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SluiceError
from ..release.store import Release
from ..verdicts.examine import digest
from .record import Run

__all__ = ["Question", "Terms", "build", "read_receipt", "sentence"]


class Question(NamedTuple):
    """A request and, for a release that the host lacks, its bundle."""

    request: dict[str, Any]
    bundle: bytes = b""


@dataclass(frozen=True)
class Terms:
    """What the user sets: ``bake`` in seconds, ``keep`` in releases, ``drift`` is refuse, adopt or discard."""

    bake: float = 3.0
    keep: int = 5
    drift: str = "refuse"
    want_tree: bool = False


def read_receipt(release: Release) -> dict[str, Any]:
    """Read the receipt of the gates. Raises ``SluiceError`` when there is none for this release."""
    path = release.root / "receipt.json"
    try:
        receipt = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SluiceError(
            f"release {release.id[:12]} has no receipt of the gates ({error}); run the gates, which write it"
        ) from error
    failed = [name for name, result in receipt.get("gates", {}).items() if result != "pass"]
    if (
        receipt.get("release") != release.id
        or failed
        or not receipt.get("gates")
        or receipt.get("digest") != digest(receipt)
    ):
        raise SluiceError(f"{path} is no receipt for release {release.id[:12]}; run the gates again, which write one")
    return receipt


def build(
    operation: str,
    run: Run,
    identity: str,
    release: Release | None,
    terms: Terms,
    *,
    has_release: bool = False,
    of: str | None = None,
) -> Question:
    """Make the question for ``operation``.

    ``release`` is None when the host itself has stored all of it (a rollback); ``of`` is the run that is taken back,
    where it is not the one that asks.
    """
    request: dict[str, Any] = {"op": operation, "run": run.asking(), "release": identity}
    if operation == "preflight":
        request["want_tree"] = terms.want_tree
        request["drift"] = terms.drift
        if release is not None:
            described = release.described
            request.update(platform=described["platform"], facts=described["facts"], needs_bytes=_size(release.tree))
    elif operation == "activate":
        request["drift"] = terms.drift
        if release is None:
            return Question({**request, "release": {"id": identity}, "stored": True})
        wanted = ("id", "manifest", "kept", "facts", "contract", "platform")
        described = release.described
        request.update(release={name: described[name] for name in wanted}, receipt=read_receipt(release))
        return Question(request, b"" if has_release else release.bundle)
    elif operation == "bake":
        request["seconds"] = terms.bake
    elif operation == "confirm":
        request["keep"] = terms.keep
    elif operation == "revert" and of:
        request["of"] = of
    return Question(request)


def _size(tree: Path) -> int:
    return sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())


def sentence(problem: Mapping[str, Any]) -> str:
    """Put a host's problem into one line: what, expected, seen, nginx's own words, and what to do."""
    parts = [str(problem.get("what", "unknown problem"))]
    parts += [f"{name} {problem[name]}" for name in ("expected", "seen") if problem.get(name)]
    parts += [f"nginx: {problem['nginx']}"] if problem.get("nginx") else []
    parts += [str(problem["do"])] if problem.get("do") else []
    return "; ".join(parts)
