"""The alarms of others: asked before the first wave, and while hosts bake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import PHASE
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.of_run import AlarmsOfRun
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["AlarmsLook"]


class AlarmsLook:
    """Asks the alarms of ``options``. Raises ``InputError`` for those that cannot be read."""

    def __init__(self, options: Mapping[str, Any], hosts: RolloutHosts, journal: ShownJournal) -> None:
        self._alarms = AlarmsOfRun(read_alarms(options["alarms"], options["alertmanager_url"]), project())
        self._hosts, self._journal = hosts, journal

    def before_run(self) -> None:
        """What burns already fails the run, where it would change a host."""
        if self._hosts.due():
            self._journal.note(PHASE, "", self._alarms.before())

    def before_wave(self) -> None:
        """Nothing: what burned before the run is known."""

    def look(self, *, last: bool) -> None:
        """Note what has begun to burn on switched hosts; ``last`` is the last look of a wave."""
        answer = self._alarms.during(self._journal.events(), self._hosts.names, last=last)
        for warning in answer["warnings"]:
            self._journal.warn(warning)
        if last or answer["problems"]:
            self._journal.note(PHASE, "", answer)
