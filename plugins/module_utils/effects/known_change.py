"""The change from the live release to a candidate, and what it does: worked out once for all gates that ask."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..behaviour.attribution import stays_inside
from ..behaviour.changes import DirectiveChange, changes
from ..behaviour.replay import Log, read_log
from ..behaviour.shipped import Shipped, edited, shipped
from ..config.derive import DerivedRequest
from ..config.parse import Config
from ..errors import SluiceError
from ..tree_reader import find_inside, paths_inside
from ..verdicts.model import Live, Subject
from .effects import effects
from .model import Effects

__all__ = ["KnownChange", "change_of"]


@dataclass(frozen=True)
class KnownChange:
    """The ``changed`` directives, their ``effects``, the ``log`` of which each effect has its share, and the ``files``
    that the releases bring and serve.

    ``is_local`` says that the effects tell of every request whether the change reaches it.
    """

    changed: Sequence[DirectiveChange]
    effects: Effects
    log: Log
    files: Sequence[Shipped]
    is_local: bool

    def reaches(self, request: DerivedRequest) -> bool:
        """Return whether the change may do anything to a request."""
        return not self.is_local or self.effects.covers(request)

    def foretells(self, request: DerivedRequest) -> bool:
        """Return whether it is known that the change does something to a request."""
        return self.effects.is_exact and self.effects.covers(request)


def change_of(subject: Subject, live: Live) -> KnownChange:
    """Return the change of a subject, whose live release is ``live``. That of a trial has no effects."""
    return subject.once("change", lambda: _worked_out(subject, live))


def _worked_out(subject: Subject, live: Live) -> KnownChange:
    (release, config), options = subject.examined, subject.options
    changed = changes(live.config, config)
    log = read_log(options.replay_log, options.replay_requests, live.config)
    done = Effects() if subject.focus else effects(live.config, config, changed, log.requests)
    # What a change of a stream concerns no effect says.
    has_streams = any(each.named("stream") for each in (live.config, config))
    is_told = not subject.focus and not has_streams and all(map(stays_inside, changed))
    sides = ((release.tree, config), (live.release.tree, live.config))
    files = [each for tree, side in sides for each in shipped(side, tree)]
    return KnownChange(changed, done, log, files, is_told and not _edits_others(sides, files))


def _edits_others(sides: Sequence[tuple[Path, Config]], files: Sequence[Shipped]) -> bool:
    """Return whether a file changed that is no configuration and no page, as a script: no effect tells of it."""
    known = {each.file for each in files}.union(*(_read(*side) for side in sides))
    paths = {path for tree, _ in sides for path in paths_inside(tree)}
    return any(edited(sides[1][0], sides[0][0], path) for path in sorted(paths - known))


def _read(tree: Path, config: Config) -> Iterator[str]:
    """Yield the files of a configuration, by both names where what is enabled is a link to what is available."""
    for name in config.files:
        yield name
        with contextlib.suppress(OSError, SluiceError):
            yield find_inside(tree, name)
