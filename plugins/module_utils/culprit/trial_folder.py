"""Where trials run, one after the other: a folder here, and a stage for gates that need one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import SluiceError
from ..release.store import Release
from ..staging.stage import Stage
from ..verdicts.model import Live
from .change import ChangedEntry, TreeChange

__all__ = ["MIXED", "TrialFolder"]

MIXED = "mixed"
"""What a tree between two releases is called where releases are called by their ids."""


class TrialFolder:
    """Holds a tree between two releases. From set to set only the files that differ are written."""

    def __init__(self, folder: Path, live: Live, change: TreeChange, stage: Stage | None) -> None:
        self._folder = folder
        self._live = live.release
        self._change = change
        self._stage = stage
        self._here: frozenset[int] | None = None
        self._there: frozenset[int] | None = None
        self._became = False

    @property
    def stage(self) -> Stage:
        """The stage. Raises ``SluiceError`` when there is none."""
        if self._stage is None:
            raise SluiceError("there is no stage for the trial")
        return self._stage

    def release(self, edits: frozenset[int]) -> Release:
        """The tree with these edits, in the folder."""
        made = Release(MIXED, self._folder)
        if self._here is None:
            shutil.copytree(self._live.tree, made.tree, symlinks=True)
        for path, kind, data in self._steps(self._here, edits):
            _write(made.tree / path, kind, data)
        self._here = edits
        return made

    def lay(self, edits: frozenset[int], *, become: bool = False, cold: bool = False) -> None:
        """Put the tree with these edits beside the releases of the stage. Raises ``SluiceError``."""
        steps = list(self._steps(self._there, edits))
        self.stage.mix(MIXED, self._live.id, steps, become=become, cold=cold)
        self._there = edits

    def become(self, edits: frozenset[int], *, cold: bool) -> None:
        """Put the tree there, and let the stage be of it; ``cold`` where a gate looks at how nginx starts."""
        self.lay(edits, become=True, cold=cold)
        self._became = True

    def back(self) -> bool:
        """Let the stage be the live release's again; tells whether it was another's."""
        was, self._became = self._became, False
        if was:
            self.stage.mix(self._live.id, self._live.id, [], become=True)
        return was

    def serve(self, caches: Sequence[str]) -> None:
        """Start nginx from what the stage is of. Raises ``SluiceError`` with nginx's words when it does not."""
        self.stage.ask("serve", [{"caches": list(caches)}])

    def _steps(self, before: frozenset[int] | None, after: frozenset[int]) -> Iterator[tuple[str, str, bytes]]:
        """The files to write on the way from one set of edits to another; None is the live tree as it was read."""
        was = {} if before is None else self._change.mixed(before)
        wanted = self._change.mixed(after)
        # What goes may be a link where a folder comes.
        for gone in (True, False):
            for path in sorted(was.keys() | wanted.keys()):
                old: ChangedEntry | None = was[path] if path in was else self._change.old.get(path)
                new = wanted[path] if path in wanted else self._change.old.get(path)
                if old != new and (new is None) == gone:
                    yield (path, "gone", b"") if new is None else (path, new.kind, new.data)


def _write(place: Path, kind: str, data: bytes) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if kind == "gone":
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        os.symlink(os.fsdecode(data), place)
    else:
        place.write_bytes(data)
