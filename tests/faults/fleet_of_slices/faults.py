"""How a roll-out of three slices is brought into a phase, and what befalls it there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from tests.faults.fleet_of_slices.slices import TIMEOUT, SliceFleet

__all__ = ["FAULTS", "PHASES", "SKEWS"]

Act = Callable[[SliceFleet], AbstractContextManager[None]]


@contextlib.contextmanager
def _before_the_first_wave(fleet: SliceFleet) -> Iterator[None]:
    _two_wait(fleet)
    yield
    fleet.start("web3")


def _two_wait(fleet: SliceFleet, skew: float = 0, **variables: Any) -> None:
    """The first slice makes the plan; it and the second wait for the third."""
    fleet.start("web1", **variables)
    fleet.waits("web1")
    fleet.start("web2", skew=skew, **variables)
    fleet.waits("web2")


@contextlib.contextmanager
def _in_the_wave(fleet: SliceFleet, skew: float = 0) -> Iterator[None]:
    _two_wait(fleet, skew)
    # A request waits ten seconds for its host, and the others are done by then.
    with fleet.fleet.held("web3"):
        fleet.start("web3")
        fleet.serving("web1", "web2")
        fleet.fleet.at_work("web3")
        yield


@contextlib.contextmanager
def _before_the_decision(fleet: SliceFleet) -> Iterator[None]:
    """The third slice stands still when its host serves, before it has said so."""
    _two_wait(fleet, rollout_bake=4)
    fleet.start("web3", rollout_bake=4)
    fleet.serving(*fleet.hosts)
    with fleet.frozen("web3"):
        yield


@contextlib.contextmanager
def _after_the_decision(fleet: SliceFleet) -> Iterator[None]:
    _two_wait(fleet)
    with contextlib.ExitStack() as second:
        with fleet.fleet.held("web3"):
            fleet.start("web3")
            fleet.serving("web1", "web2")
            second.enter_context(fleet.fleet.held("web2"))
        fleet.decided()
        yield


@contextlib.contextmanager
def _in_the_rollback(fleet: SliceFleet, skew: float = 0) -> Iterator[None]:
    _two_wait(fleet, skew, rollout_bake=5)
    fleet.start("web3", rollout_bake=5)
    fleet.serving(*fleet.hosts)
    with fleet.fleet.held("web2"):
        fleet.fleet.hosts["web3"].sh("kill -9 $(cat /run/nginx.pid)")
        fleet.decided()
        yield


PHASES: dict[str, Callable[..., AbstractContextManager[None]]] = {
    "before the first wave": _before_the_first_wave,
    "in the wave": _in_the_wave,
    "before the decision": _before_the_decision,
    "after the decision": _after_the_decision,
    "in the rollback": _in_the_rollback,
}


@contextlib.contextmanager
def _coordinator_killed(fleet: SliceFleet) -> Iterator[None]:
    """What works for Ansible in a process of its own sees that it is alone."""
    fleet.kill_playbook("web1")
    yield


@contextlib.contextmanager
def _line_killed(fleet: SliceFleet) -> Iterator[None]:
    fleet.kill_line("web2")
    yield


@contextlib.contextmanager
def _node_killed(fleet: SliceFleet) -> Iterator[None]:
    fleet.kill("web2")
    yield


@contextlib.contextmanager
def _all_killed(fleet: SliceFleet) -> Iterator[None]:
    for host in list(fleet.runs):
        fleet.kill(host)
    yield


@contextlib.contextmanager
def _node_stands_still(fleet: SliceFleet) -> Iterator[None]:
    with fleet.frozen("web2"):
        yield
        time.sleep(TIMEOUT * 1.5)


@contextlib.contextmanager
def _store_restored(fleet: SliceFleet) -> Iterator[None]:
    fleet.server.kill()
    yield
    time.sleep(3)
    fleet.server.start()


@contextlib.contextmanager
def _store_killed(fleet: SliceFleet) -> Iterator[None]:
    fleet.server.kill()
    yield


@contextlib.contextmanager
def _store_hangs(fleet: SliceFleet) -> Iterator[None]:
    fleet.server.hang()
    yield
    time.sleep(4)
    fleet.server.go_on()


@contextlib.contextmanager
def _node_without_store_for_a_while(fleet: SliceFleet) -> Iterator[None]:
    fleet.proxies["web2"].cut()
    yield
    time.sleep(4)
    fleet.proxies["web2"].heal()


@contextlib.contextmanager
def _node_without_store(fleet: SliceFleet) -> Iterator[None]:
    fleet.proxies["web2"].cut()
    yield


@contextlib.contextmanager
def _region_cut(fleet: SliceFleet) -> Iterator[None]:
    """The host of the second slice reaches neither its node nor the store; the node does not reach the store."""
    fleet.proxies["web2"].cut()
    with fleet.cut("web2"):
        yield
        time.sleep(TIMEOUT * 1.5)
    fleet.proxies["web2"].heal()


@contextlib.contextmanager
def _two_deciders(fleet: SliceFleet) -> Iterator[None]:
    fleet.decide("rollback")
    yield
    fleet.decide("confirm")


@contextlib.contextmanager
def _nothing(fleet: SliceFleet) -> Iterator[None]:
    yield


# The fault begins while the phase is held, and goes on after that is let go.
FAULTS: dict[str, Act] = {
    "the coordinator is killed": _coordinator_killed,
    "the node of another slice is killed": _node_killed,
    "all nodes are killed": _all_killed,
    "a node loses who gave it the work": _line_killed,
    "a node stands still for longer than the timeout": _node_stands_still,
    "the store is killed and restored": _store_restored,
    "the store is killed for good": _store_killed,
    "the store hangs for a while": _store_hangs,
    "a node cannot reach the store for a while": _node_without_store_for_a_while,
    "a node cannot reach the store any more": _node_without_store,
    "a region is cut off for longer than the timeout": _region_cut,
    "two decide at once": _two_deciders,
    "a clock is five minutes ahead": _nothing,
    "a clock is five minutes behind": _nothing,
    "nothing": _nothing,
}
SKEWS = {"a clock is five minutes ahead": 300.0, "a clock is five minutes behind": -300.0}
