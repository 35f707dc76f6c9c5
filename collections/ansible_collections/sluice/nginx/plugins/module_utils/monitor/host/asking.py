"""The checks that nobody outside can hold the host to: the host asks them itself, with the client of the gates."""

from __future__ import annotations

import sys
import time

from ...contract.client import run_checks
from ...contract.model import from_json
from ...contract.showing import shown_name, shown_url
from ...lean import TYPE_CHECKING
from ...lean.threads import Thread
from .who_asks import SAFE, check_id, on_host

if TYPE_CHECKING:
    from typing import Any

    from ...contract.client import Outcome
    from ...contract.model import Check
    from .exposition import Metrics

__all__ = ["Asking"]

# Longer than a round: a machine that is busy for a moment is no fault of the release.
_TIMEOUT = 8.0


class Asking:
    """Asks again and again, beside everything else: a host that hangs must not keep the program from telling it."""

    def __init__(self, every: float, unsafe: bool) -> None:
        self._every, self._unsafe = every, unsafe
        self._contract: list[dict[str, Any]] = []
        self._sorted: list[tuple[str, str, Check]] = []
        self._outcomes: dict[str, Outcome] = {}
        self._thread = Thread(self._go_on)

    def start(self) -> None:
        """Begin to ask what ``take`` was given."""
        self._thread.start()

    def take(self, contract: list[dict[str, Any]]) -> None:
        """Ask this contract from now on: rows as a release stores them."""
        if contract == self._contract:
            return
        found = []
        for row in contract:
            check = from_json(row)
            allowed = self._unsafe or check.method in SAFE
            found.append((check_id(row), ("host" if on_host(check) else "probe") if allowed else "nobody", check))
        self._contract, self._sorted = contract, found
        self._outcomes = {}

    def _go_on(self) -> None:
        while True:
            began = time.monotonic()
            self.ask()
            time.sleep(max(0.1, self._every - (time.monotonic() - began)))

    def ask(self) -> None:
        """Ask once."""
        rows = self._sorted
        own = [(name, check) for name, by, check in rows if by == "host"]
        hosts = {check.host for _, _, check in rows}
        outcomes = run_checks([check for _, check in own], timeout=_TIMEOUT, workers=4, hosts=hosts)
        if rows is self._sorted:
            before = self._outcomes
            self._outcomes = {name: outcome for (name, _), outcome in zip(own, outcomes)}
            for name, outcome in self._outcomes.items():
                if not outcome.ok and outcome.problems != (before[name].problems if name in before else ()):
                    sys.stderr.write(f"{outcome.name}: {'; '.join(outcome.problems)}\n")

    def tell(self, metrics: Metrics) -> None:
        """Tell who asks each check, and what came back of those that are asked here."""
        outcomes = self._outcomes
        for name, by, check in self._sorted:
            text = "A check of the release that is live, and who asks it."
            metrics.gauge("sluice_check_info", text, 1, check_id=name, check=shown_name(check.name, check.url), by=by)
        for name, _, check in self._sorted:
            outcome = outcomes.get(name)
            if outcome is not None:
                labels = {"check_id": name, "check": shown_name(check.name, check.url), "site": check.site}
                labels["url"] = shown_url(check.url)
                metrics.gauge(
                    "sluice_check_success", "Whether a check holds that the host asks itself.", outcome.ok, **labels
                )
                metrics.gauge("sluice_check_seconds", "How long its answer took.", outcome.ms / 1000, **labels)
                metrics.gauge(
                    "sluice_check_status", "The status of its answer, 0 for none.", outcome.status or 0, **labels
                )
