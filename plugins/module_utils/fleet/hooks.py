"""Task files of the user around a host, a wave and a run: which there are, and what the journal says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import values
from ..errors import InputError
from ..schema import Model, key
from ..storage import path_of
from .decisions import stories
from .run_record import Event

__all__ = ["AFTER_HOST", "BEFORE_HOST", "PHASE", "HookFiles", "hooks_of", "not_ended", "to_return"]

PHASE = "hook"
BEFORE_HOST, AFTER_HOST = "before_host", "after_host"


@dataclass(frozen=True, kw_only=True)
class HookFiles(Model):
    """``rollout_hooks``: task files, relative to the project."""

    before_run: str | None = key(values.text, "Once, before the first wave.")
    before_wave: str | None = key(values.text, "Once before each wave.")
    before_host: str | None = key(
        values.text, "On each host of a wave before it is switched: take it out of a balancer."
    )
    after_host: str | None = key(
        values.text,
        "On each host that was switched and whose checks hold: put it back. Also on each that was rolled back.",
    )
    after_wave: str | None = key(values.text, "Once after the bake of each wave.")
    after_run: str | None = key(values.text, "Once after the last wave, before anything is confirmed.")


def hooks_of(value: object, project: Path) -> dict[str, str]:
    """Return the paths of the hooks, by their names. Raises ``InputError`` for a file that is not there."""
    read = HookFiles.read(value or {}, "rollout_hooks")
    found = {}
    for name in (BEFORE_HOST, AFTER_HOST, "before_wave", "after_wave", "before_run", "after_run"):
        written = getattr(read, name)
        if written:
            path = path_of(project, written)
            if not path.is_file():
                raise InputError(f"rollout_hooks.{name}", f"there is no file {path}; name a file of tasks")
            found[name] = str(path)
    if BEFORE_HOST in found and AFTER_HOST not in found:
        raise InputError("rollout_hooks", "before_host has no after_host, so no host would be put back; name both")
    return found


def not_ended(events: Iterable[Event], hook: str, hosts: Sequence[str]) -> list[str]:
    """Return those of ``hosts`` on which the last run of ``hook`` did not end: a task could not reach its host."""
    ended: set[str] = set()
    for event in events:
        if event.phase == PHASE and event.answer.get("hook") == hook:
            ended.add(event.host)
        elif event.phase == PHASE and event.answer.get("begins") == hook:
            ended -= set(event.answer.get("hosts") or ())
    return [host for host in hosts if host not in ended]


def to_return(events: Iterable[Event]) -> list[str]:
    """Return the hosts that were taken out, are not back in yet, and serve what they served before."""
    so_far = list(events)
    out: dict[str, None] = {}
    for event in so_far:
        hook = event.answer.get("hook") if event.phase == PHASE else None
        if event.host and (hook == BEFORE_HOST or event.phase == "activate"):
            out[event.host] = None
        elif hook == AFTER_HOST and event.good:
            out.pop(event.host, None)
    by_host = stories(so_far)
    return [host for host in out if not by_host[host].touched or by_host[host].is_back]
