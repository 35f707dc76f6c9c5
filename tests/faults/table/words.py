"""The words of the fault table: how a host ends, who ended the trial, and where a story plays."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BEFORE", "BOOT", "EITHER", "NEW", "NEXT", "NOBODY", "OLDER", "PHASES", "RUN", "WATCHDOG", "Row"]

# On the new release, confirmed, or on the one from before; on an even older one where nothing else is left.
NEW, BEFORE, EITHER, OLDER = "new", "before", "either", "older"
# The run itself, the watchdog, the boot and then the watchdog, a run that came later; or there was no trial to end.
RUN, WATCHDOG, BOOT, NEXT, NOBODY = "the run", "the watchdog", "the boot", "the next contact", "nobody"

PHASES = (
    "before the swap",
    "after -t",
    "after the swap",
    "after the reload",
    "during checks",
    "during bake",
    "between waves",
    "during confirm",
    "during rollback",
)


class Row(NamedTuple):
    """A fault in a phase. ``says`` is what a person must be able to read; ``fast`` ones are part of every test run."""

    phase: str
    story: str
    outcome: str
    by: str = RUN
    says: str = ""
    fast: bool = False
