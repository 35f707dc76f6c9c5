"""The alarms of one run: asked before its first wave, and while its hosts bake. The journal has what burned before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..fleet.decisions import stories
from ..fleet.run_record import Event
from .judging import before, during
from .model import AlarmRow

if TYPE_CHECKING:
    from .asking import Look

__all__ = ["AlarmsOfRun"]

# So often, and with so many seconds between, an alarm is asked that must be answered.
_TRIES, _BETWEEN = 3, 2.0


class AlarmsOfRun:
    """Asks ``rows``; commands run in ``project``."""

    def __init__(self, rows: Sequence[AlarmRow], project: Path) -> None:
        self._rows, self._project = rows, project

    def __bool__(self) -> bool:
        return bool(self._rows)

    def before(self) -> dict[str, Any]:
        """Return what is to be noted before the first wave."""
        return before(self._ask(_TRIES))

    def during(self, events: Sequence[Event], hosts: Sequence[str], *, last: bool) -> dict[str, Any]:
        """Return what is to be noted of a look while hosts bake; ``last`` is the last look of a wave."""
        known = next((set(event.answer["burning"]) for event in events if "burning" in event.answer), set())
        switched = {host for host, story in stories(events).items() if story.touched}
        return during(self._ask(_TRIES if last else 1), known, switched, hosts, last=last)

    def _ask(self, tries: int) -> list[Look]:
        # Here, since a client of HTTP takes long to import, and most runs have no alarms.
        from .asking import ask_alarms

        looks = ask_alarms(self._rows, self._project)
        for _ in range(tries - 1):
            if not any(look.trouble for look in looks):
                break
            time.sleep(_BETWEEN)
            again = iter(ask_alarms([look.row for look in looks if look.trouble], self._project))
            looks = [next(again) if look.trouble else look for look in looks]
        return looks
