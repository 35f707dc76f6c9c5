"""The change from the live release to a candidate, and what it does: worked out once for all gates that ask."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..behaviour.attribution import stays_inside
from ..behaviour.changes import DirectiveChange, changes
from ..behaviour.replay import Log, read_log
from ..behaviour.shipped import edited, shipped
from ..config.derive import DerivedRequest
from ..config.parse import Config
from ..errors import SluiceError
from ..release.store import Release
from ..tree_reader import find_inside, paths_inside
from ..verdicts.model import Live, Subject
from .effects import effects
from .model import Effects

__all__ = ["KnownChange", "change_of"]


@dataclass(frozen=True)
class KnownChange:
    """The ``changed`` directives, their ``effects``, and the ``log`` of which each effect has its share.

    ``is_local`` says that the effects tell of every request whether the change reaches it.
    """

    changed: Sequence[DirectiveChange]
    effects: Effects
    log: Log
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
    return KnownChange(changed, done, log, is_told and not _edits_others(live, release, config))


def _edits_others(live: Live, release: Release, config: Config) -> bool:
    """Return whether a file changed that is no configuration and no page, as a script: no effect tells of it."""
    trees = (live.release, release)
    known = {name for each in zip(trees, (live.config, config), strict=True) for name in _told(*each)}
    paths = {path for each in trees for path in paths_inside(each.tree)}
    return any(edited(live.release.tree, release.tree, path) for path in sorted(paths - known))


def _told(release: Release, config: Config) -> Iterator[str]:
    yield from (each.file for each in shipped(config, release.tree))
    for name in config.files:
        yield name
        # What is enabled is a link to what is available.
        with contextlib.suppress(OSError, SluiceError):
            yield find_inside(release.tree, name)
