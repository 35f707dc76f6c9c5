"""The change from the live release to a candidate, and what it does: worked out once for all gates that ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..config.derive import DerivedRequest
from ..effects.effects import effects
from ..effects.model import Effects
from ..verdicts.model import Live, Subject
from .attribution import stays_inside
from .changes import DirectiveChange, changes
from .replay import Log, read_log

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


def change_of(subject: Subject, live: Live) -> KnownChange:
    """Return the change of a subject, whose live release is ``live``. That of a trial has no effects."""
    return subject.once("change", lambda: _worked_out(subject, live))


def _worked_out(subject: Subject, live: Live) -> KnownChange:
    config, options = subject.examined[1], subject.options
    changed = changes(live.config, config)
    log = read_log(options.replay_log, options.replay_requests, live.config)
    done = Effects() if subject.focus else effects(live.config, config, changed, log.requests)
    # What a change of a stream concerns no effect says.
    has_streams = any(each.named("stream") for each in (live.config, config))
    is_local = not subject.focus and not has_streams and all(map(stays_inside, changed))
    return KnownChange(changed, done, log, is_local)
