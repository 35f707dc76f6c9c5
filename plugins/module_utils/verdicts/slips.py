"""The new needs of a release that look like a slip, and those that are left to the preflight."""

from __future__ import annotations

from ..needs.comparing import new_needs
from ..needs.declared import declared, is_declared
from ..needs.slips import ReleaseNeeds, Slip, find_slips, without_slips
from .model import Subject

__all__ = ["left_to_preflight", "slips_of"]


def slips_of(subject: Subject) -> dict[tuple[str, str], Slip]:
    """Return the new needs that look like a slip, by their keys; none where nothing is live, or they are declared."""
    if subject.live is None:
        return {}
    live, release = subject.live, subject.release
    before = ReleaseNeeds(live.needs, live.config, live.release.paths if live.release else frozenset())
    after = ReleaseNeeds(subject.needs, subject.config, release.paths if release else frozenset())
    texts = declared(subject.options.declared)
    meant = {need.key for need in new_needs(subject.needs, live.needs) if is_declared(need, texts)}
    return {key: slip for key, slip in find_slips(after, before).items() if key not in meant}


def left_to_preflight(subject: Subject) -> frozenset[tuple[str, str]]:
    """Return the keys of the new needs that each host checks before it is switched, where none is asked now."""
    if subject.said is not None or subject.live is None:
        return frozenset()
    new = new_needs(subject.needs, subject.live.needs)
    return frozenset(need.key for need in without_slips(new, slips_of(subject)))
