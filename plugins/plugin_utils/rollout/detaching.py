"""A run that ends while its hosts bake: how it leaves them, and how it is continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import (
    FIRST,
    TERMS,
    Detached,
    end_detached,
    read_detached,
    take,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import STOP
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import read_seconds
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import listed, now
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.baking import BakeWatch
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["Detaching", "first_bake", "leaves"]


class Detaching:
    """Knows whether a run was left, which ``found`` is, and what it was begun with."""

    def __init__(self, run: Run, found: Detached | None) -> None:
        self._run, self._found = run, found

    @classmethod
    def of(cls, run: Run) -> Detaching:
        """Return what is noted of the run. Raises ``SluiceError``."""
        return cls(run, read_detached(run.folder))

    @property
    def bakes(self) -> bool:
        """Return whether hosts bake on without this run."""
        return self._found is not None and self._found.bakes

    @property
    def waves(self) -> list[dict[str, Any]] | None:
        """Return the waves that come once the hosts have baked; None for a run that was not left."""
        return self._found.waves if self._found else None

    @property
    def emergency(self) -> str | None:
        """Return the emergency that counted when the run began; None for a run that was not left."""
        return str(self._found.terms["emergency"]) if self._found else None

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options that the run was begun with, and what is ``given`` where it was not left."""
        return self._found.begun_with(given) if self._found else given

    def hosts(self, here: list[str]) -> list[str]:
        """Return the hosts of a run that was left, and those ``here`` of another.

        Raises ``SluiceError`` where the play lacks any.
        """
        if self._found is None:
            return here
        lacking = [host for host in self._found.hosts if host not in here]
        if lacking:
            raise SluiceError(
                f"run {self._run.id} has hosts that are not in this play: {listed(lacking)}; leave out --limit, and "
                "give the inventory and group that the run was begun with"
            )
        return list(self._found.hosts)

    def leave(self, options: Mapping[str, Any], emergency: str, hosts: Sequence[str], journal: ShownJournal) -> None:
        """Leave the hosts to whoever continues the run, where all is well so far."""
        if journal.is_bad:
            return
        begun = [each["hosts"] for each in options["waves"]].index(options["wave"])
        seconds = options["bake"] + float(options["pause"]) - first_bake(options)
        self._found = Detached(
            run=self._run.to_json(),
            after=options["wave_name"] or "this wave",
            until=now(seconds),
            waves=list(options["waves"][begun + 1 :]),
            hosts=list(hosts),
            terms={**{name: options[name] for name in TERMS}, "emergency": emergency},
        )
        self._found.write()
        journal.say(self._found.words)

    def resume(self, decision: str, bake: BakeWatch, journal: ShownJournal) -> None:
        """Give the hosts of a run that was left a heartbeat, and judge them; once they have baked, the run goes on.

        Raises ``SluiceError`` where the run was not left, or somebody else continues it.
        """
        if self._found is None:
            raise SluiceError(f"run {self._run.id} is not detached: it is at work, has ended, or never was")
        found = take(self._found)
        found.write()
        if decision == STOP:
            who = visitor("continue").who
            problems = [{"what": f"{who} stopped the run"}]
            journal.note("pause", "", {"operation": "pause", "ok": False, "who": who, "problems": problems})
        else:
            bake.heartbeat(last=True)
        if journal.is_bad or found.is_over:
            found = replace(found, until="")
        else:
            found = replace(found, pid=0)
            journal.say(found.words)
        found.write()
        self._found = found

    def end(self) -> None:
        """Forget that the run was left: it has come to its end."""
        end_detached(self._run)


def first_bake(options: Mapping[str, Any]) -> float:
    """Return for how many seconds a run watches a wave itself before it leaves it."""
    return min(FIRST, float(options["bake"]))


def leaves(options: Mapping[str, Any]) -> bool:
    """Return whether the run ends while the hosts of this wave bake. Raises ``InputError`` for what is no time."""
    if not options["detach"]:
        return False
    pause = read_seconds("rollout_waves.pause", options["pause"], 0)
    return float(options["bake"]) + pause > FIRST
