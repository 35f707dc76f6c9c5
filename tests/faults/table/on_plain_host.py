"""The stories of a host without systemd: the guard is a process of its own, and nothing runs at boot."""

from __future__ import annotations

from tests.faults.table.words import BEFORE, GUARD, NEXT, Row

__all__ = ["ROWS"]

ROWS: dict[str, list[Row]] = {
    "controller killed": [
        Row("during bake", "the guard is a process of its own", BEFORE, GUARD, fast=True),
    ],
    "engine killed": [
        Row("after the swap", "the guard outlives the engine", BEFORE, GUARD),
        Row("during revert", "the guard ends the way back", BEFORE, GUARD),
    ],
    "guard stopped": [
        Row("during bake", "run and guard are gone; the next contact ends it", BEFORE, NEXT),
    ],
    "host killed and booted again": [
        Row("during bake", "the next contact after the boot ends it", BEFORE, NEXT),
    ],
}
