"""Hosts that are simulated: the real engine answers, once for all hosts that were asked the same in the same order.

The engine works on a host of the unit tests (``tests/unit/engine/simulation``), which has real files, a clock, an nginx
and a systemd of its own. So requests and answers are the product's, whatever becomes of its protocol.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import CoordinationStore, StoreLogin
from ansible_collections.sluice.nginx.plugins.module_utils.engine import MARKER
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import deploy

__all__ = ["HostState", "SimulatedHosts", "read_payload"]

BEFORE = "before"
_SILENCE = b"silence"


class EngineHost(SimulatedHost):
    """A host on which the engine works. It asks the real store how a roll-out ends; where it is ``failing``, no check
    holds of any release but the one from before.
    """

    def __init__(self, root: Path, *, failing: bool) -> None:
        super().__init__(root)
        self._failing = failing
        self._before: str | None = None
        # Signed statements have a time at which they end.
        self.clock.offset = (datetime.now(UTC) - datetime.fromisoformat(self.now())).total_seconds()
        deploy(self, BEFORE)
        self._before = self.layout.linked()

    def store(self, login: StoreLogin) -> CoordinationStore:
        return open_store(login)

    def ask(
        self,
        contract: list[dict[str, Any]],
        timeout: float,
        noted: Callable[[dict[str, Any]], None] | None = None,
        lost: Callable[[], str] | None = None,
    ) -> list[dict[str, Any]]:
        outcomes = super().ask(contract, timeout, noted, lost)
        if self._failing and self._before and self.layout.linked() != self._before:
            wrong = {"ok": False, "problems": ["expected status 200, got 500"], "status": 500}
            return [{**each, **wrong} for each in outcomes]
        return outcomes


@dataclass
class HostState:
    """Where hosts are that were asked the same. ``answer`` is what the last question was answered with.

    ``deadline`` is after how many seconds of silence the watchdog acts, 0 where nothing is pending. ``seconds`` is for
    how long the question asked to be watched.
    """

    asked: tuple[tuple[bytes, bytes] | None, ...] = ()
    failing: bool = False
    operation: str = ""
    answer: bytes = b""
    seconds: float = 0.0
    live: str = ""
    confirmed: str = ""
    deadline: float = 0.0
    after: dict[bytes, HostState] = field(default_factory=dict)
    host: EngineHost | None = None


@dataclass
class _Host:
    state: HostState
    heard: float = 0.0


class SimulatedHosts:
    """All hosts of a fleet, by name; each serves a release from before, confirmed. ``failing`` are those on which a new
    one does not serve as its checks demand. The engine works below ``folder``.
    """

    def __init__(self, folder: Path, failing: frozenset[str] = frozenset()) -> None:
        self._folder, self._failing = folder, failing
        self._numbers = itertools.count()
        self._hosts: dict[str, _Host] = {}
        self._begins = {failing: self._begin(failing=failing) for failing in (False, True)}
        self._digest = remote.pack().digest
        self.operations: Counter[str] = Counter()
        self.received = self.sent = self.computed = 0

    def ask(self, name: str, payload: bytes, at: float) -> HostState:
        """Return how the host is after a question that came at a time, in seconds. Raises ``SluiceError`` for what is
        no question of this version.
        """
        digest, request, bundle = read_payload(payload)
        if digest != self._digest:
            raise SluiceError(f"the engine {digest[:12]} is asked, and the hosts have {self._digest[:12]}")
        host = self._heard(name, at)
        host.state = self._next(host.state, hashlib.sha256(request + b"\n" + bundle).digest(), (request, bundle))
        host.heard = at
        self.operations[host.state.operation] += 1
        self.received += len(payload)
        self.sent += len(host.state.answer)
        return host.state

    def counted(self, at: float) -> dict[str, Any]:
        """Return what was asked so far, and how many hosts serve what: the release, and whether it is confirmed."""
        serving = Counter(self._words(self._heard(name, at).state) for name in list(self._hosts))
        return {
            "hosts": len(self._hosts),
            "before": self._begins[False].live,
            "operations": dict(self.operations),
            "received": self.received,
            "sent": self.sent,
            "computed": self.computed,
            "serving": dict(serving),
        }

    def _heard(self, name: str, at: float) -> _Host:
        """Return a host, after what its watchdog did since it was asked last."""
        host = self._hosts.setdefault(name, _Host(self._begins[name in self._failing]))
        if host.state.deadline and at - host.heard > host.state.deadline:
            host.state = self._next(host.state, _SILENCE, None)
            self.operations["silence"] += 1
        return host

    def _next(self, state: HostState, key: bytes, question: tuple[bytes, bytes] | None) -> HostState:
        if key not in state.after:
            state.after[key] = self._computed(state, question)
        return state.after[key]

    def _computed(self, state: HostState, question: tuple[bytes, bytes] | None) -> HostState:
        # The first that goes on from here takes the host along.
        host, state.host = state.host, None
        if host is None:
            host = self._made(failing=state.failing)
            for each in state.asked:
                self._done(host, each)
        answer = self._done(host, question)
        self.computed += 1
        request = json.loads(question[0]) if question else {}
        found = HostState((*state.asked, question), state.failing, str(request.get("op", "silence")), host=host)
        found.answer = f"\n{MARKER}{json.dumps(answer)}\n".encode()
        found.seconds = float(request.get("seconds") or 0.0)
        self._look(found)
        return found

    def _begin(self, *, failing: bool) -> HostState:
        state = HostState(failing=failing, host=self._made(failing=failing))
        self._look(state)
        return state

    def _look(self, state: HostState) -> None:
        assert state.host is not None
        status = state.host.ask_engine("status", "look")
        assert status["ok"], status["problems"]
        state.live = status["live"] or ""
        state.confirmed = (status["confirmed"] or {}).get("release", "")
        state.deadline = float((status["pending"] or {}).get("deadline", 0.0))
        if not state.deadline and state.asked:
            # A run that has ended asks no more; another one begins with hosts made anew.
            shutil.rmtree(state.host.root)
            state.host = None

    def _made(self, *, failing: bool) -> EngineHost:
        return EngineHost(self._folder / f"host{next(self._numbers)}", failing=failing)

    def _done(self, host: EngineHost, question: tuple[bytes, bytes] | None) -> dict[str, Any]:
        if question is None:
            host.wait(float(host.ask_engine("status", "look")["pending"]["deadline"]) + 5.0)
            return {}
        request, bundle = question
        return dict(handle(json.loads(request), bundle, host, host.layout))

    @staticmethod
    def _words(state: HostState) -> str:
        how = "pending" if state.deadline else "confirmed" if state.live == state.confirmed else "adrift"
        return f"{state.live} {how}"


def read_payload(payload: bytes) -> tuple[str, bytes, bytes]:
    """Return the digest of the engine that is asked, the request and the bundle, as what starts the engine reads them.

    Raises ``SluiceError``.
    """
    header, _, rest = payload.partition(b"\n")
    try:
        digest, _, *sizes = header.decode().split()
        engine, request, bundle = (int(size) for size in sizes)
    except ValueError as error:
        raise SluiceError(f"this is no payload of the engine: {header[:80]!r}") from error
    if len(rest) != engine + request + bundle:
        raise SluiceError("the payload ended early")
    return digest, rest[engine : engine + request], rest[engine + request :]
