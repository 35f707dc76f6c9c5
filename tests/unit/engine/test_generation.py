"""A reload by somebody else while a release is pending, as after the renewal of a certificate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import confirm, deploy, push

NewHost = Callable[..., SimulatedHost]


def pending(new_host: NewHost) -> SimulatedHost:
    host = new_host()
    deploy(host, "one")
    assert push(host, "r2", "two")["ok"]
    return host


def bake(host: SimulatedHost) -> dict[str, Any]:
    return host.ask_engine("bake", "r2", release=release("two").id, seconds=2.0)


def reload(host: SimulatedHost) -> None:
    assert host.nginx.master is not None
    host.nginx.reload(host.nginx.master.pid)
    host.clock.pass_(0.5)


def test_a_renewal_in_the_bake_is_a_new_generation_of_the_release(new_host: NewHost) -> None:
    host = pending(new_host)
    before = {worker.pid for worker in host.nginx.serving}
    host.clock.after(0.5, lambda: reload(host))
    answer = bake(host)
    assert answer["ok"], answer["problems"]
    assert any("as after the renewal of a certificate" in warning for warning in answer["warnings"])
    assert not before & {worker.pid for worker in host.nginx.serving}
    assert confirm(host, "r2", "two")["ok"]
    assert host.ask_engine("status", "look")["live"] == release("two").id


def test_a_renewal_between_bake_and_confirmation_is_one_too(new_host: NewHost) -> None:
    host = pending(new_host)
    assert bake(host)["ok"]
    reload(host)
    assert confirm(host, "r2", "two")["ok"]


def test_a_renewal_after_the_confirmation_is_nothing_to_see(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    reload(host)
    seen = host.ask_engine("status", "look")
    assert (seen["drift"], seen["package_drift"], seen["problems"]) == ([], {}, [])
    assert push(host, "r2", "two")["ok"]


def test_a_reload_of_an_edited_tree_is_another_configuration(new_host: NewHost) -> None:
    host = pending(new_host)
    place = host.layout.conf / "nginx.conf"
    place.write_text(place.read_text(encoding="utf-8") + "# by hand", encoding="utf-8")
    reload(host)
    (problem,) = bake(host)["problems"]
    assert "no longer those of the switch" in problem["what"]
    assert problem["actual"] == "changed: nginx.conf"


def test_a_restart_is_more_than_a_reload(new_host: NewHost) -> None:
    host = pending(new_host)
    host.nginx.stop()
    host.clock.pass_(1.0)
    host.nginx.start()
    assert "no longer those of the switch" in bake(host)["problems"][0]["what"]


@pytest.mark.parametrize("which", [slice(0, 1), slice(0, 2)])
def test_workers_that_died_are_no_generation(new_host: NewHost, which: slice) -> None:
    host = pending(new_host)
    for worker in list(host.nginx.serving)[which]:
        host.nginx.end(worker.pid)
    host.clock.pass_(0.5)
    assert "no longer those of the switch" in bake(host)["problems"][0]["what"]
