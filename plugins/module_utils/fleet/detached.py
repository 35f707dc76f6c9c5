"""A run that has ended while its hosts bake on. Who continues it gives them heartbeats; without any they roll back.

``detached.json`` in the record of the run says until when hosts bake, which waves come then, and the terms of the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, SluiceError
from ..storage import write_text
from ..textfmt import count, date_time, moment, now
from ..untrusted import printable
from .run_record import Run
from .waves import PERSON

__all__ = ["FIRST", "TERMS", "Detached", "check_detachable", "end_detached", "find_detached", "read_detached", "take"]

FIRST = 3.0
"""Seconds that the run itself watches a wave for, before it leaves it."""

TERMS = (
    *("releases", "stored", "bake", "evidence", "alarms", "alertmanager_url", "keep", "drift", "confirm_timeout"),
    *("signing_key", "inventory", "detach", "emergency"),
)
"""Options of the run that whoever continues it goes by, whatever is set then."""

_FILE = "detached.json"


@dataclass(frozen=True)
class Detached:
    """What is known of a run that was left. ``until`` is when its hosts have baked, empty once that was so.

    ``pid`` is the process that continues it now, 0 for none. ``waves`` come after that, of ``hosts`` in all.
    """

    run: dict[str, str]
    after: str
    until: str
    waves: list[dict[str, Any]]
    hosts: list[str]
    terms: dict[str, Any]
    pid: int = 0

    @property
    def bakes(self) -> bool:
        """Return whether its hosts are to bake on, as far as is noted."""
        return bool(self.until)

    @property
    def is_over(self) -> bool:
        """Return whether the hosts have baked long enough by now."""
        until = moment(self.until)
        return until is None or until <= (moment(now()) or until)

    @property
    def words(self) -> str:
        """Return what people have to know and to do."""
        timeout = float(self.terms["confirm_timeout"])
        run, more = self.run["id"], count(len(self.waves), "more wave")
        comes = f"after {self.after} {'comes' if len(self.waves) == 1 else 'come'} {more}"
        often = f"run sluice.nginx.continue -e run={run} at least every {timeout / 2:g} s (a timer, a schedule)"
        return (
            f"run {run} is detached: the hosts switched so far bake until {date_time(self.until)}, and {comes}; "
            f"{often}. Without it the hosts roll back after {timeout:g} s"
        )

    def begun_with(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``options`` as the run was begun with them. What an emergency is, the command line alone says."""
        return {**options, **{name: value for name, value in self.terms.items() if name != "emergency"}}

    def write(self) -> None:
        """Note it in the record of the run. Raises ``OSError``."""
        write_text(Path(self.run["folder"], _FILE), json.dumps(asdict(self), default=str), sync=True)


def check_detachable(waves: Sequence[Mapping[str, Any]], hooks: Mapping[str, Any], *, is_shared: bool = False) -> None:
    """Raise ``InputError`` for an order that a run which ends cannot keep. ``is_shared`` is one with a store."""
    if is_shared:
        raise InputError(
            "rollout_detach",
            "a run with rollout_store waits for what is decided; leave out rollout_store, or do not detach",
        )
    if hooks:
        raise InputError("rollout_detach", "hooks run within one run; leave out rollout_hooks, or do not detach")
    if any(wave["pause"] == PERSON for wave in waves):
        raise InputError(
            "rollout_detach", "a run that has ended waits for no person; give the pause of each wave in seconds"
        )


def read_detached(folder: Path | str) -> Detached | None:
    """Return what is noted of a run that was left, by the folder of its record; None where it was not.

    Raises ``SluiceError`` for what cannot be read: to guess would confirm hosts, or forget them.
    """
    path = Path(folder, _FILE)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SluiceError(_damaged(path, error)) from error
    try:
        left = Detached(**found)
        if set(left.terms) != set(TERMS) or left.run["folder"] != str(folder) or not isinstance(left.pid, int):
            raise ValueError("it has other keys")
    except (TypeError, KeyError, ValueError) as error:
        raise SluiceError(_damaged(path, error)) from error
    return left


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} cannot be read ({error}); without heartbeats the hosts of this run roll back by their watchdogs"


def end_detached(run: Run) -> None:
    """Forget that the run was left: it has come to its end."""
    Path(run.folder, _FILE).unlink(missing_ok=True)


def take(found: Detached) -> Detached:
    """Return the run as this process continues it. Raises ``SluiceError`` where another one does, and still lives."""
    mine = os.getppid()
    if found.pid not in (0, mine) and Path("/proc", str(found.pid)).exists():
        raise SluiceError(f"run {found.run['id']} is being continued by process {found.pid}; wait until that has ended")
    return replace(found, pid=mine)


def find_detached(runs: Path, wanted: str) -> list[Detached]:
    """Return the runs that were left, or those of them whose id begins with ``wanted``. Raises ``SluiceError``."""
    folders = sorted(path.parent for path in runs.glob(f"*/{_FILE}") if path.parent.name.startswith(wanted))
    found = [left for folder in folders if (left := read_detached(folder)) is not None]
    if len(found) > 1:
        names = ", ".join(printable(each.run["id"]) for each in found)
        raise SluiceError(f"{len(found)} runs are detached; name one by -e run=ID: {names}")
    return found
