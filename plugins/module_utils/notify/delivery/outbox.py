"""The notices that are kept: a file for each in ``RUN/notices/``, and in ``.sluice/notices/`` those of no run."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from ...packages import msgspec
from ...storage import make_folder, write_text
from ...textfmt import now
from ..model import Delivery, Message, Notice

__all__ = ["Kept", "kept", "loose", "of_run", "prune", "put", "read", "rewrite"]

_RUNS = 100
"""Older runs are not looked through: what they had to say is no news."""

_GRACE = 30.0
"""Seconds for a sender to start and to end, beside the time that its channels have."""

_MONTH = 30 * 86400.0


class Kept(NamedTuple):
    """A notice and the file that it is in."""

    path: Path
    notice: Notice

    def open(self, now: str) -> list[Delivery]:
        """The deliveries that failed, or whose sender ended without a word."""
        gone = "its sender ended before it was told" if self.notice.until < now else ""
        return [
            Delivery(each.channel, "failed", gone, each.at) if each.state == "waiting" else each
            for each in self.notice.deliveries
            if each.state == "failed" or (each.state == "waiting" and gone)
        ]


def of_run(folder: str | Path) -> Path:
    """Where a run keeps its notices."""
    return Path(folder, "notices")


def loose(state: Path) -> Path:
    """Where the notices are that belong to no run. ``state`` is ``.sluice``."""
    return state / "notices"


def put(folder: Path, message: Message, channels: Sequence[str], timeout: float, name: str = "") -> Kept | None:
    """Keep a message that is to be sent on ``channels`` within ``timeout`` seconds each.

    Tells None where there is one of this event (or ``name``) and audience already. Raises ``OSError``.
    """
    notice = Notice(message, now(), now(timeout + _GRACE), tuple(map(Delivery, channels)))
    path = folder / f"{name or message.event}-{message.audience}.json"
    make_folder(folder)
    handle, draft = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(_text(notice))
        # Unlike a rename it does not replace what another process has put there meanwhile.
        os.link(draft, path)
    except FileExistsError:
        return None
    finally:
        Path(draft).unlink(missing_ok=True)
    return Kept(path, notice)


def rewrite(kept: Kept) -> None:
    """Write a notice anew, with what became of it. Raises ``OSError``."""
    write_text(kept.path, _text(kept.notice))


def kept(state: Path) -> Iterator[Kept]:
    """Read the notices of the last hundred runs and those of no run, oldest first. What cannot be read is left out."""
    runs: list[str] = []
    with contextlib.suppress(OSError):
        runs = sorted(os.listdir(state / "runs"))[-_RUNS:]
    found = [each for run in runs for each in read(of_run(state / "runs" / run))]
    return iter(sorted([*found, *read(loose(state))], key=lambda each: each.notice.at))


def read(folder: Path) -> list[Kept]:
    """Read the notices in a folder, oldest first."""
    found = []
    for path in _files(folder):
        with contextlib.suppress(OSError, ValueError, msgspec.ValidationError):
            found.append(Kept(path, msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Notice)))
    return sorted(found, key=lambda each: each.notice.at)


def prune(folder: Path) -> None:
    """Remove notices of no run that are older than thirty days."""
    for path in _files(folder):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _MONTH:
                path.unlink()


def _text(notice: Notice) -> str:
    return json.dumps(asdict(notice), indent=1, ensure_ascii=False) + "\n"


def _files(folder: Path) -> Iterable[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith(".")]
    except OSError:
        return []
