"""The stories of a host without systemd: the watchdog is a process of its own, and nothing runs at boot."""

from __future__ import annotations

from tests.faults.table.words import BEFORE, NEXT, WATCHDOG, Row

__all__ = ["ROWS"]

ROWS: dict[str, list[Row]] = {
    "controller killed": [
        Row("during bake", "the watchdog is a process of its own", BEFORE, WATCHDOG, fast=True),
    ],
    "engine killed": [
        Row("after the swap", "the watchdog outlives the engine", BEFORE, WATCHDOG),
        Row("during rollback", "the watchdog ends the rollback", BEFORE, WATCHDOG),
    ],
    "watchdog stopped": [
        Row("during bake", "run and watchdog are gone; the next contact ends it", BEFORE, NEXT),
    ],
    "host killed and booted again": [
        Row("during bake", "the next contact after the boot ends it", BEFORE, NEXT),
    ],
}
