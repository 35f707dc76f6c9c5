"""Everything that may happen to a host, in any order: left alone, it ends on one whole, confirmed release.

``HYPOTHESIS_PROFILE=thorough`` tries twenty times as much.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ansible_collections.sluice.nginx.plugins.module_utils.engine.journal import Journal
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import BEHAVIOURS, release
from tests.unit.engine.simulation.truths import files, serves, state_of, untrue
from tests.unit.engine.simulation.work import push, recover, rewrite, rollback

NewHost = Callable[..., SimulatedHost]

_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
_EXAMPLES, _RULES = (1000 if _THOROUGH else 50), 40
# The same examples on every machine, so that a change that fails does so everywhere, at once.
_SETTINGS = settings(
    max_examples=_EXAMPLES,
    stateful_step_count=_RULES,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

names = st.sampled_from("abcd")
behaviours = st.one_of(st.just("fine"), st.sampled_from(sorted(BEHAVIOURS)))
remains = st.sampled_from([0.0, 0.5, 0.99])
# After how many steps it is stopped dead; most operations have fewer than 130.
steps = st.one_of(st.none(), st.integers(0, 40), st.integers(0, 130))


class Machine(RuleBasedStateMachine):
    """One host. ``possible`` are the releases that it may end with: no other one was ever accepted."""

    new_host: ClassVar[NewHost]
    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self._run = 0
        self._text = 0
        self._possible: set[str] = set()
        self._lost = ""

    @initialize(has_systemd=st.booleans(), namespaces=st.booleans(), exchanges=st.booleans())
    def begin(self, has_systemd: bool, namespaces: bool, exchanges: bool) -> None:
        self.host = self.new_host(has_systemd=has_systemd, namespaces=namespaces, exchanges=exchanges)
        self._possible = {serves(self.host)}

    # What runs do.

    @rule(name=names, behaviour=behaviours, drift=st.sampled_from(["refuse", "adopt", "discard"]), crash=steps)
    def activate(self, name: str, behaviour: str, drift: str, crash: int | None) -> None:
        self._run += 1
        if drift == "adopt":
            self._possible.add(serves(self.host))
        self._do("activate", crash, lambda: push(self.host, f"r{self._run}", name, behaviour, drift))

    @rule(name=names, behaviour=behaviours)
    def activate_again(self, name: str, behaviour: str) -> None:
        self._do("activate again", None, lambda: push(self.host, f"r{self._run}", name, behaviour))

    @rule(name=names, keep=st.integers(0, 2))
    def deploy(self, name: str, keep: int) -> None:
        self.activate(name, "fine", "adopt", None)
        self.accept(keep, None)

    @rule(keep=st.integers(0, 2), crash=steps)
    def accept(self, keep: int, crash: int | None) -> None:
        pending = state_of(self.host)["pending"] or {}
        asked = pending.get("release", release("a").id)
        self._possible.add(asked)
        self._do("confirm", crash, lambda: self.host.ask_engine("confirm", f"r{self._run}", release=asked, keep=keep))

    @rule(whose=st.sampled_from(["its own", "that of the run before", "what is pending"]), crash=steps)
    def roll_back(self, whose: str, crash: int | None) -> None:
        state = state_of(self.host)
        self._possible.add(str((state["confirmed"] or {}).get("before")))
        run = f"r{self._run - (whose == 'that of the run before')}"
        of = (state["pending"] or {}).get("run", "") if whose == "what is pending" else ""
        self._do("rollback", crash, lambda: rollback(self.host, run, of))

    @rule(seconds=st.sampled_from([0, 3, 50]))
    def bake(self, seconds: int) -> None:
        pending = state_of(self.host)["pending"] or {}
        asked = pending.get("release", release("a").id)
        self._do("bake", None, lambda: self.host.ask_engine("bake", f"r{self._run}", release=asked, seconds=seconds))

    @rule(crash=steps)
    def look(self, crash: int | None) -> None:
        self._do("preflight", crash, lambda: recover(self.host))

    # What happens to a host.

    @rule(seconds=st.sampled_from([1, 20, 40, 400]), crash=steps)
    def time_passes(self, seconds: int, crash: int | None) -> None:
        self._do("wait", crash, lambda: self.host.wait(seconds))

    @rule(hours=st.sampled_from([-30, -1, 1, 30]))
    def the_clock_is_moved(self, hours: int) -> None:
        self.host.clock.offset += 3600 * hours
        self.done["clock"] += 1

    @rule(crash=steps)
    def the_power_is_cut(self, crash: int | None) -> None:
        self._do("reboot", crash, self.host.reboot)
        self.host.go_on()

    @precondition(lambda self: self.host.layout.conf.is_symlink())
    @rule()
    def the_package_manager_writes(self) -> None:
        self._text += 1
        rewrite(self.host, f"# {self._text}\n")
        self.done["drift"] += 1

    @rule(what=st.sampled_from(["nginx", "the master alone", "the watchdog"]))
    def something_is_killed(self, what: str) -> None:
        self.done[f"{what} killed"] += 1
        if what == "the watchdog":
            self.host.lose_watchdogs()
            return
        self.host.nginx.kill_master()
        if what == "nginx":
            self.host.nginx.stop()
        if state_of(self.host)["pending"] is None:
            # Nothing of ours is under way, so it is for whoever killed it.
            self.host.nginx.stop()
            self.host.nginx.start()

    @precondition(lambda self: self.host.layout.journal.exists() and self.host.layout.state.exists() and not self._lost)
    @rule(what=st.sampled_from(["state", "journal"]), left=remains, noise=st.binary(max_size=9))
    def a_file_is_damaged(self, what: str, left: float, noise: bytes) -> None:
        # Only one of the two in an example: nobody can tell what was pending when both are lost.
        self._lost = what
        path = {"state": self.host.layout.state, "journal": self.host.layout.journal}[what]
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * left)] + noise)
        self.done[f"{what} damaged"] += 1

    def teardown(self) -> None:
        """Nobody does anything; then somebody looks."""
        if not hasattr(self, "host"):
            return
        self._left_alone()
        assert self._untrue() == []
        for event in Journal(self.host, self.host.layout.journal).events():
            if event["event"] in ("pending", "rolled_back") or (event["event"] == "confirm" and event["mark"] == "end"):
                self.done[f"journal: {event['event']}"] += 1
        before = files(self.host)
        self._left_alone()
        assert files(self.host) == before
        shutil.rmtree(self.host.root)

    def _left_alone(self) -> None:
        self.host.wait(2000)
        recover(self.host)
        self.host.wait(2000)

    def _do(self, name: str, crash: int | None, act: Callable[[], object]) -> None:
        self.done[name] += 1
        with self.host.crashing(crash) as steps:
            act()
        if steps.dead:
            self.done["crash"] += 1
            return
        self.host.clock.pass_(5.0)
        if state_of(self.host)["pending"] is None:
            assert self._untrue() == []
            # Of a tree that was rewritten, the release that it was is there still.
            self._possible = {serves(self.host), str(state_of(self.host)["live"])}

    def _untrue(self) -> list[str]:
        found, live = untrue(self.host), serves(self.host)
        if live not in self._possible and live not in self.host.rewritten:
            found.append(f"{live[:12]} is live, and was never accepted")
        return found


def test_left_alone_a_host_ends_on_one_whole_confirmed_release(new_host: NewHost) -> None:
    class Hosts(Machine):
        pass

    Hosts.new_host, Hosts.done = staticmethod(new_host), Counter()
    run_state_machine_as_test(Hosts, settings=_SETTINGS)
    done = Hosts.done
    print(", ".join(f"{name} {count}" for name, count in done.most_common()))
    assert sum(done.values()) >= 20 * _EXAMPLES
    assert min(done[name] for name in ("activate", "confirm", "rollback", "reboot", "clock", "crash")) >= _EXAMPLES // 2
