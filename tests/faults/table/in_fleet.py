"""The stories of three hosts and the controller: ansible-playbook itself, with push and finalize."""

from __future__ import annotations

from tests.faults.table.words import BEFORE, BOOT, EITHER, NEW, RUN, WATCHDOG, Row

__all__ = ["ROWS"]

ROWS: dict[str, list[Row]] = {
    "controller killed": [
        Row("before the swap", "the host has the request and acts on it alone", BEFORE, WATCHDOG),
        Row("during checks", "the activation ends well, and nobody comes", BEFORE, WATCHDOG),
        Row("during bake", "nobody ends the bake", BEFORE, WATCHDOG, fast=True),
        Row("between waves", "one host serves the new release, the next is about to", BEFORE, WATCHDOG),
        Row("during confirm", "two hosts have confirmed, the third has been asked", NEW),
        Row("during rollback", "one host is back, the other has been asked", BEFORE),
    ],
    "SSH cut for one host, for good": [
        Row(
            "during bake",
            "the cut host goes back alone, the others are not reached",
            BEFORE,
            WATCHDOG,
            "web1: activate: the host cannot be reached",
        ),
        Row(
            "between waves",
            "the cut host switches unheard; all go back",
            BEFORE,
            WATCHDOG,
            "web2: activate: the host cannot be reached",
        ),
        Row("during confirm", "the cut host confirms unheard; the others are not ahead of it", EITHER),
        Row("during rollback", "the cut host goes back unheard", BEFORE),
    ],
    "SSH cut for one host, for a while": [
        Row("during bake", "the connection comes back", NEW),
        Row("between waves", "the connection comes back", NEW),
    ],
    "SSH cut for all hosts, for good": [
        Row("during bake", "each host goes back alone", BEFORE, WATCHDOG),
        Row("between waves", "each host goes back alone", BEFORE, WATCHDOG),
    ],
    "SSH cut for all hosts, for a while": [
        Row("during bake", "the connections come back", NEW),
    ],
    "host killed and booted again": [
        Row("between waves", "the first host boots while the second switches", BEFORE, BOOT),
    ],
    "host hangs": [
        Row("during bake", "the run gives the host up; it goes back when it is there again", BEFORE, WATCHDOG),
        Row("between waves", "the run gives the host up and rolls the others back", BEFORE, WATCHDOG),
    ],
    "Python missing": [
        Row(
            "between waves",
            "a later host cannot be switched, so none is",
            BEFORE,
            RUN,
            "python3 is missing on the host",
            fast=True,
        ),
    ],
    "two runs at once": [
        Row("between waves", "the second run is told who is first", NEW, RUN, "has a pending release"),
    ],
}
