"""What a release changes on a host, for ``--diff``: the texts that the host has shown, against the controller's."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..engine.trees.disclosure import read_side, secrets_in, shown_text
from ..errors import SluiceError
from ..manifest import CONF_ROOT
from ..secrets import NOT_SHOWN

__all__ = ["difference"]

_MOST_BYTES = 1 << 30
# Comparing takes the square of their number, and one side is the host's.
_MOST_LINES = 10_000


def difference(texts: Mapping[str, str], digests: Mapping[str, str], tree: Path) -> str:
    """Return the unified diff from a host's live tree to the release in ``tree``.

    ``texts`` are what the host has shown of its files, ``digests`` the SHA-256 of those that it has not shown, or not
    wholly. What is secret on either side is named as changed, and not shown.
    """
    side = read_side(tree, _MOST_BYTES)
    if side is None:
        raise SluiceError(f"the release in {tree} has more than 1 GiB; expected less, to compare it with a host's")
    secret = secrets_in(CONF_ROOT, side) | (digests.keys() - texts.keys())
    # What the host did not know to be secret, as a file of another name.
    known = {side.files[path] for path in secret & side.files.keys() if side.files[path].strip()}
    secret |= {path for path, text in texts.items() if text.encode() in known}
    lines: list[str] = []
    for path in sorted(texts.keys() | digests.keys() | side.files.keys()):
        there = path in texts or path in digests
        data = side.files.get(path)
        shown: list[str] = []
        if path not in secret:
            after = shown_text(data) if data is not None else ""
            # The host tells of no file that is no text.
            if after is not None:
                shown = _compared(texts.get(path, "").splitlines(), after.splitlines())
        if not shown and _differs(texts.get(path), digests.get(path), data):
            change = "added" if not there else "removed" if data is None else "changed"
            shown = [f"({change}{NOT_SHOWN})" if path in secret else f"({change} in what is not shown)"]
        if shown:
            lines += [f"--- live/{path}", f"+++ release/{path}", *shown]
    return "".join(f"{line}\n" for line in lines)


def _compared(before: list[str], after: list[str]) -> list[str]:
    if len(before) + len(after) > _MOST_LINES:
        return [f"(not compared: both together have more than {_MOST_LINES} lines)"] if before != after else []
    return list(difflib.unified_diff(before, after, lineterm=""))[2:]


def _differs(text: str | None, digest: str | None, data: bytes | None) -> bool:
    if data is None:
        return text is not None or digest is not None
    if digest is not None:
        return digest != hashlib.sha256(data).hexdigest()
    return text is None or text.encode() != data
