"""What one operation has at hand: the host, the store, who asks, and what is to be said about it."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

from ..errors import SluiceError
from .host.system import System
from .store import HostStore, Layout

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["Fault", "Problem", "Session", "problems_of", "shown"]


class Problem(NamedTuple):
    """What a person must know; ``nginx`` are nginx's own words, ``diff`` is a unified diff."""

    what: str
    expected: str = ""
    actual: str = ""
    fix: str = ""
    nginx: str = ""
    diff: str = ""

    def to_json(self) -> dict[str, str]:
        """Return only what applies. nginx quotes the configuration in its words, so they leave without secrets."""
        found = {key: value for key, value in self._asdict().items() if value}
        if self.nginx:
            found["nginx"] = shown(self.nginx)
        return found


class Fault(SluiceError):
    """An operation cannot go on. ``at`` is when that showed, by the monotonic clock, where it was not just now."""

    def __init__(self, *problems: Problem, at: float | None = None) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = problems
        self.at = at


class Session:
    """One operation of one run on this host."""

    def __init__(self, system: System, layout: Layout, run: Json, *, own: bool = False) -> None:
        # Whether this is the engine of the host itself, which takes nothing unsigned, and not one that was sent along.
        self.own = own
        self.system = system
        self.layout = layout
        self.run: Json = {
            "id": str(run.get("id", "")),
            "who": str(run.get("who", "")),
            "from": str(run.get("from", "")),
        }
        self.warnings: list[str] = []
        self.store = HostStore(system, layout, self.warn)
        self.steps: list[Json] = []
        # On the rollback nothing may stop the engine that does not concern nginx, such as a full disk under the
        # journal.
        self.rolling_back = False
        # How a heartbeat is given to the watchdog, while this run has a pending release here.
        self.alive: Callable[[], None] = _nothing

    def warn(self, text: str) -> None:
        """Say something that is no fault, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def journal(self, event: str, **facts: Any) -> None:
        """Record what happens; during the rollback a journal that cannot be written is only warned of."""
        self._persist("the journal", lambda: self.store.journal(self.run, event, facts))

    def save(self, state: Json) -> None:
        """Write the state; during the rollback a state that cannot be written is only warned of."""
        self._persist("the state", lambda: self.store.save(state))

    def _persist(self, what: str, write: Callable[[], None]) -> None:
        try:
            try:
                write()
            except OSError as error:
                if not self.rolling_back or error.errno != errno.ENOSPC or not self.store.make_room():
                    raise
                write()
        except OSError as error:
            if not self.rolling_back:
                raise
            self.warn(f"{what} of Sluice could not be written: {error}")

    @contextmanager
    def step(self, name: str, **facts: Any) -> Iterator[None]:
        """Journal a step before and after, and measure it. It is a heartbeat, too."""
        self.alive()
        self.journal(name, mark="begin", **facts)
        started = self.system.monotonic()
        try:
            yield
        except Exception as error:
            self.steps.append({"name": name, "ms": self.since(started)})
            self.journal(name, mark="failed", why=str(error)[:500])
            raise
        self.steps.append({"name": name, "ms": self.since(started)})
        self.journal(name, mark="end", ms=self.since(started))

    def since(self, started: float) -> int:
        """Return the milliseconds since a reading of ``monotonic``."""
        return round((self.system.monotonic() - started) * 1000)


def shown(words: str) -> str:
    """Return words of nginx, which may quote a configuration, without what is secret in them."""
    from ..redaction import redact_line

    return "\n".join(redact_line(line) for line in words.split("\n"))


def _nothing() -> None:
    """No watchdog waits for a heartbeat."""


def problems_of(error: Exception) -> list[Problem]:
    """Return what an exception has to say;

    one that nobody foresaw says its type, text and place instead of a traceback.
    """
    if isinstance(error, Fault):
        return list(error.problems)
    if isinstance(error, SluiceError):
        return [Problem(str(error))]
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno}"
        trace = trace.tb_next
    do = "see to it on the host" if isinstance(error, OSError) else "report this, with the journal of the host"
    return [Problem(f"the engine failed: {type(error).__name__}: {error}", actual=place, fix=do)]
