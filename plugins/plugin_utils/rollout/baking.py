"""How hosts pending are watched: asked again and again, which is their heartbeat, and looked at from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import ATTENTIVE
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import rounds
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["BakeWatch"]


class _Look(Protocol):
    """What is looked at beside the hosts' own answers; it notes what it finds."""

    def before_run(self) -> None:
        """Look once before any host is switched."""

    def before_wave(self) -> None:
        """Look before a wave is watched."""

    def look(self, *, last: bool) -> None:
        """Look while hosts bake; ``last`` is the last look of a wave."""


class BakeWatch:
    """Watches the hosts pending. Raises ``InputError`` for options of what is looked at that cannot be."""

    def __init__(self, options: Mapping[str, Any], run: Run, hosts: RolloutHosts, journal: ShownJournal) -> None:
        self._hosts, self._journal = hosts, journal
        self._looks: list[_Look] = []
        # Each is imported by runs alone that have it.
        if options["evidence"]:
            from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.evidence import EvidenceLook

            self._looks.append(EvidenceLook(run, hosts, journal))
        if options["alarms"]:
            from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.alarms import AlarmsLook

            self._looks.append(AlarmsLook(options, hosts, journal))

    def before_run(self) -> None:
        """Look before any host is switched."""
        for each in self._looks:
            each.before_run()

    def watch(self, phase: str, seconds: float) -> None:
        """Take ``phase``, activate or bake, on the hosts, and watch them for as long, in rounds of a heartbeat each."""
        for each in self._looks:
            if not self._hosts.is_check and not self._journal.is_bad:
                each.before_wave()
        duration = rounds(seconds, self._hosts.terms.confirm_timeout, ATTENTIVE if self._looks else math.inf)
        for number, part in enumerate(duration, 1):
            self._hosts.take(phase if number == 1 else "bake", bake=part)
            self._look(last=number == len(duration))

    def heartbeat(self, seconds: float = 0.0, *, last: bool = False) -> None:
        """Watch the hosts pending for as long, which is their heartbeat, and look once."""
        self._hosts.take("bake", bake=seconds)
        self._look(last=last)

    def _look(self, *, last: bool) -> None:
        for each in self._looks:
            if not self._hosts.is_check and not self._journal.is_bad:
                each.look(last=last)
