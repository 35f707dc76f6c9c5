"""The pause between two waves, for a time or for a person. Hosts pending are watched on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import (
    Waiting,
    begin_wait,
    end_wait,
    read_decision,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.baking import BakeWatch
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["pause"]


def pause(options: Mapping[str, Any], run: Run, bake: BakeWatch, journal: ShownJournal, *, is_check: bool) -> None:
    """Wait as ``options`` say, and note how the wait ended. Raises ``InputError`` for what is no time."""
    waiting = Waiting(options["pause"], options["pause_limit"], options["confirm_timeout"])
    if is_check or not waiting.seconds or journal.is_bad:
        return
    name = options["wave_name"] or "this wave"
    if waiting.is_for_person:
        begin_wait(run, name)
        words = f"the run waits after {name}: sluice.nginx.continue -e run={run.id} lets it go on"
        journal.say(f"{words}, -e decision=stop stops it; in {waiting.seconds:g} s it stops by itself")
    try:
        answer = _waited(waiting, run, bake, journal)
    finally:
        end_wait(run)
    if answer:
        journal.note("pause", "", {"operation": "pause", **answer})


def _waited(waiting: Waiting, run: Run, bake: BakeWatch, journal: ShownJournal) -> Answer | None:
    """Watch the hosts pending until the wait is over. Return what is to be noted of it; None where a host failed."""
    until = time.monotonic() + waiting.seconds
    while (left := until - time.monotonic()) > 0:
        bake.heartbeat(min(left, waiting.round))
        if journal.is_bad:
            return None
        decided = read_decision(run) if waiting.is_for_person else None
        if decided:
            return waiting.answer(decided)
    return waiting.answer(None)
