"""Each operation, stopped dead after any of its steps: the host ends on one whole, confirmed release by itself.

Most stories share steps with others, and are stopped after every other one. ``HYPOTHESIS_PROFILE=thorough`` stops each
after every step, and recovers from each of these crashes in every way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import files, untrue
from tests.unit.engine.simulation.work import confirm, deploy, leave, push, recover, rewrite, rollback

_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

Act = Callable[[SimulatedHost], object]
NewHost = Callable[..., SimulatedHost]


class Story(NamedTuple):
    """What a host was like, what was begun on it, and what the host can do.

    ``alone`` is false where the watchdog is the one that dies for good: then the next contact is what the host waits
    for.
    """

    before: Act
    act: Act
    can: dict[str, bool]
    alone: bool = True


def nothing(host: SimulatedHost) -> None:
    """The host serves what somebody wrote by hand."""


def pending(host: SimulatedHost) -> None:
    deploy(host, "a")
    assert push(host, "r", "b")["ok"]
    host.clock.pass_(5.0)


def pending_after_many(host: SimulatedHost) -> None:
    deploy(host, "a", "b", "c", "d")
    assert push(host, "r", "e")["ok"]
    host.clock.pass_(5.0)


def left_over(host: SimulatedHost) -> None:
    """The run of a trial has died long ago, and so has its watchdog."""
    pending(host)
    host.lose_watchdogs()
    host.clock.pass_(2000)


def changed_meanwhile(host: SimulatedHost) -> None:
    pending(host)
    (host.layout.release(release("a").id) / "nginx.conf").write_text("# changed\n")


def damaged(host: SimulatedHost) -> None:
    pending(host)
    host.layout.state.write_bytes(b'{"schema": 1, "ver')


def booted(host: SimulatedHost) -> None:
    host.reboot()
    host.wait(100)


def rewritten(host: SimulatedHost) -> None:
    deploy(host, "a")
    rewrite(host)


def trusted(host: SimulatedHost) -> None:
    """It knows who may sign, and has an engine of its own."""
    deploy(host, "a", "b")
    for path in (host.layout.allowed_signers, host.layout.own / "current", host.layout.command):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def fails(behaviour: str) -> Act:
    return lambda host: push(host, "r", "b", behaviour)


NO_NAMESPACES = {"namespaces": False}
STORIES = {
    "the first activation adopts what is there": Story(nothing, lambda host: push(host, "r", "b"), {}),
    "the first activation where no directory can be exchanged": Story(
        nothing, lambda host: push(host, "r", "b"), {"exchanges": False}
    ),
    "an activation": Story(lambda host: deploy(host, "a"), lambda host: push(host, "r", "b"), {}),
    "an activation without systemd": Story(
        lambda host: deploy(host, "a"), lambda host: push(host, "r", "b"), {"has_systemd": False}
    ),
    "nginx refuses the release": Story(lambda host: deploy(host, "a"), fails("refused"), {}),
    "nginx refuses the release in its place": Story(lambda host: deploy(host, "a"), fails("refused"), NO_NAMESPACES),
    "the reload does not take": Story(lambda host: deploy(host, "a"), fails("unbindable"), {}),
    "the workers die": Story(lambda host: deploy(host, "a"), fails("dying"), {}),
    "the master dies of the reload": Story(lambda host: deploy(host, "a"), fails("fatal"), {}),
    "a check does not hold": Story(lambda host: deploy(host, "a"), fails("wrong"), {}),
    "a confirmation prunes": Story(pending_after_many, lambda host: confirm(host, "r", "e", keep=0), {}),
    "a run rolls its trial back": Story(pending, lambda host: rollback(host, "r"), {}),
    "a run rolls its trial back to a release that was changed meanwhile": Story(
        changed_meanwhile, lambda host: rollback(host, "r"), {}
    ),
    "a run rolls back what it confirmed": Story(
        lambda host: deploy(host, "a", "b"), lambda host: rollback(host, "run b"), {}
    ),
    "somebody unlocks the host": Story(pending, lambda host: rollback(host, "other", of="r"), {}),
    "the watchdog rolls a trial back": Story(pending, lambda host: host.wait(100), {}),
    "the machine boots with a trial": Story(pending, booted, {}),
    "a look rolls a trial back": Story(left_over, recover, {}, alone=False),
    "the next activation rolls a trial back first": Story(
        left_over, lambda host: push(host, "r2", "c"), {}, alone=False
    ),
    "the watchdog rolls a trial back that a damaged state does not tell of": Story(
        damaged, lambda host: host.wait(100), {}
    ),
    "the watchdog of a host without systemd rolls a trial back": Story(
        pending, lambda host: host.wait(100), {"has_systemd": False}, alone=False
    ),
    "drift is adopted": Story(rewritten, lambda host: push(host, "r", "b", drift="adopt"), {}),
    "drift is adopted and the old release comes again": Story(
        rewritten, lambda host: push(host, "r", "a", drift="adopt"), {}
    ),
    "drift is discarded": Story(rewritten, lambda host: push(host, "r", "b", drift="discard"), {}),
    "Sluice leaves": Story(trusted, leave, {}),
    "Sluice leaves where no directory can be exchanged": Story(trusted, leave, {"exchanges": False}),
    "Sluice leaves without systemd": Story(trusted, leave, {"has_systemd": False}),
    "Sluice leaves, and drift stays": Story(rewritten, lambda host: leave(host, drift="adopt"), {}),
}


_EACH_STEP = {"the first activation adopts what is there", "an activation", "a check does not hold"}


def left_alone(host: SimulatedHost, alone: bool) -> None:
    """Nobody does anything; the watchdog's time comes."""
    host.go_on()
    host.wait(2000)
    if not alone:
        recover(host)


def power_cut(host: SimulatedHost, alone: bool) -> None:
    host.reboot()
    host.wait(2000)
    if not host.systemd():
        # Nothing of ours is started there.
        recover(host)


def contact(host: SimulatedHost, alone: bool) -> None:
    """The watchdog is gone as well; somebody looks at the host long after."""
    host.go_on()
    host.lose_watchdogs()
    host.clock.pass_(2000)
    recover(host)


RECOVERIES = {"left alone": left_alone, "power cut": power_cut, "contact": contact}


@pytest.mark.parametrize("story", STORIES)
def test_stopped_after_any_step(story: str, new_host: NewHost) -> None:
    """How many steps there are is printed; a crash is recovered from in one way, or in every way when there is time."""
    before, act, can, alone = STORIES[story]
    host = new_host(**can)
    before(host)
    prepared = host.saved()
    # Files have other inodes from here on, as they have after each crash, and the engine looks at that of nginx.
    host.restore(prepared)
    with host.crashing() as steps:
        act(host)
    count, faults = steps.taken, []
    # The last one is not stopped any more, and what it did must outlast a power cut as well.
    for after in _steps(story, count):
        for way in _ways(after, all_of_them=after == count):
            host.restore(prepared)
            with host.crashing(after) as steps:
                act(host)
            assert steps.dead == (after < count)
            found = _faults(host, way, alone)
            faults += [f"stopped after {after} steps, then {way}: {'; '.join(found)}"] if found else []
    print(f"{story}: {count} steps")
    assert count >= 20
    assert not faults, f"{story}: {len(faults)} of {count}\n" + "\n".join(faults)


def _steps(story: str, count: int) -> list[int]:
    """Return after how many steps it is stopped; 2 and the number of ways have no divisor, so each way has its turn."""
    every = 1 if _THOROUGH or story in _EACH_STEP else 2
    return [*range(0, count, every), count]


def _ways(after: int, *, all_of_them: bool) -> list[str]:
    ways = list(RECOVERIES)
    return ways if all_of_them or _THOROUGH else [ways[after % len(ways)]]


def _faults(host: SimulatedHost, way: str, alone: bool) -> list[str]:
    """Recover, twice, and say what is not as it must be."""
    RECOVERIES[way](host, alone)
    found, left = untrue(host), files(host)
    RECOVERIES[way](host, alone)
    again = files(host)
    changed = sorted(path for path in left.keys() | again.keys() if left.get(path) != again.get(path))
    return found + [f"a second recovery changed {path}" for path in changed]
