"""How a run of the whole fleet is held in a phase, and what each fault does to it there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from tests.faults.fleet.fleet import Fleet, Run
from tests.faults.host.host import until

__all__ = ["FAULTS", "PHASES", "Story"]

WAVES = [1, 1, 1]


class Story:
    """A run, the release that it brings, and what a fault needs to know of it. ``hit`` is the host that it befalls."""

    def __init__(self, fleet: Fleet, deadline: float) -> None:
        self.fleet = fleet
        self.deadline = deadline
        fleet.level()
        self.release = fleet.other()
        self.before = {name: host.end().release for name, host in fleet.hosts.items()}
        self.hit = "web1"
        self.others: list[str] = []
        self.run: Run

    def push(self, **variables: Any) -> None:
        """Start the run."""
        wanted = {"rollout_waves": WAVES, "rollout_confirm_timeout": self.deadline, **variables}
        self.run = self.fleet.push(self.release, **wanted)


@contextlib.contextmanager
def _before_the_swap(story: Story) -> Iterator[None]:
    with story.fleet.held("web1"):
        story.push()
        story.run.said("can take the release")
        story.fleet.at_work("web1")
        yield


@contextlib.contextmanager
def _during_checks(story: Story) -> Iterator[None]:
    """The shop's PHP stands still, so its checks wait."""
    host = story.fleet.hosts["web1"]
    host.sh("pkill -STOP php-fpm")
    try:
        story.push()
        until(lambda: host.pending().get("phase") == "reloaded", "web1 is told to reload")
        time.sleep(1)
        yield
    finally:
        host.exec("pkill", "-CONT", "php-fpm")


@contextlib.contextmanager
def _during_bake(story: Story) -> Iterator[None]:
    story.push(rollout_bake=4)
    story.fleet.serving("web1", story.release)
    yield


@contextlib.contextmanager
def _between_waves(story: Story) -> Iterator[None]:
    story.hit = "web2"
    with story.fleet.held("web2"):
        story.push()
        story.fleet.serving("web1", story.release)
        story.fleet.at_work("web2")
        yield


def _all_serve(story: Story) -> None:
    story.push(rollout_waves=["100%"], rollout_bake=4)
    for name in story.fleet.hosts:
        story.fleet.serving(name, story.release)


@contextlib.contextmanager
def _during_confirm(story: Story) -> Iterator[None]:
    """Two hosts have confirmed, the third waits."""
    story.hit = "web2"
    _all_serve(story)
    with story.fleet.held("web2"):
        until(lambda: story.fleet.hosts["web1"].look()["confirmed"] == story.release, "web1 has confirmed")
        story.fleet.at_work("web2")
        yield


@contextlib.contextmanager
def _during_rollback(story: Story) -> Iterator[None]:
    """nginx dies on the last host, so the run rolls all back: one host has done it, another waits."""
    _all_serve(story)
    story.fleet.hosts["web3"].sh("kill -9 $(cat /run/nginx.pid)")
    with story.fleet.held("web1"):
        until(lambda: story.fleet.hosts["web2"].look()["pending"] is None, "web2 was rolled back")
        story.fleet.at_work("web1")
        yield


PHASES: dict[str, Callable[[Story], AbstractContextManager[None]]] = {
    "before the swap": _before_the_swap,
    "during checks": _during_checks,
    "during bake": _during_bake,
    "between waves": _between_waves,
    "during confirm": _during_confirm,
    "during rollback": _during_rollback,
}


@contextlib.contextmanager
def _killed(story: Story) -> Iterator[None]:
    story.run.kill()
    yield


@contextlib.contextmanager
def _cut_one(story: Story) -> Iterator[None]:
    with story.fleet.cut(story.hit):
        yield


@contextlib.contextmanager
def _cut_all(story: Story) -> Iterator[None]:
    with story.fleet.cut(*story.fleet.hosts):
        yield


@contextlib.contextmanager
def _cut_one_for_a_while(story: Story) -> Iterator[None]:
    with story.fleet.cut(story.hit):
        time.sleep(3)
    yield


@contextlib.contextmanager
def _cut_all_for_a_while(story: Story) -> Iterator[None]:
    with story.fleet.cut(*story.fleet.hosts):
        time.sleep(3)
    yield


@contextlib.contextmanager
def _rebooted(story: Story) -> Iterator[None]:
    story.fleet.hosts["web1"].reboot()
    yield


@contextlib.contextmanager
def _frozen(story: Story) -> Iterator[None]:
    with story.fleet.hosts[story.hit].frozen():
        yield


@contextlib.contextmanager
def _without_python(story: Story) -> Iterator[None]:
    host = story.fleet.hosts["web3"]
    host.sh("mv /usr/bin/python3 /usr/bin/python3-away")
    try:
        yield
    finally:
        host.sh("mv /usr/bin/python3-away /usr/bin/python3")


@contextlib.contextmanager
def _second_run(story: Story) -> Iterator[None]:
    other = story.fleet.push(next(release for release in story.fleet.releases() if release != story.release))
    story.others.append(other.output())
    assert other.process.returncode != 0, "the second run was told that all is well"
    yield


# The fault lasts as long as its context, which ends after the run has.
FAULTS: dict[str, Callable[[Story], AbstractContextManager[None]]] = {
    "controller killed": _killed,
    "SSH cut for one host, for good": _cut_one,
    "SSH cut for one host, for a while": _cut_one_for_a_while,
    "SSH cut for all hosts, for good": _cut_all,
    "SSH cut for all hosts, for a while": _cut_all_for_a_while,
    "host killed and booted again": _rebooted,
    "host hangs": _frozen,
    "Python missing": _without_python,
    "two runs at once": _second_run,
}
