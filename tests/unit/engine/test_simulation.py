"""The simulated host itself: what stops, what is lost, and what its nginx does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import serves, untrue
from tests.unit.engine.simulation.work import deploy, push

NewHost = Callable[..., SimulatedHost]


def test_nothing_happens_after_a_crash_not_even_what_cleans_up(new_host: NewHost) -> None:
    host = new_host()
    path = host.layout.conf / "file"
    with host.crashing(after=2) as steps:
        try:
            host.write(path, b"text")
        finally:
            host.remove(path)
            host.write(path, b"other")
    assert (steps.dead, steps.taken) == (True, 2)
    assert sorted(each.name for each in host.layout.conf.glob("*file*")) == [".file.new"]


def test_each_change_is_a_step_whichever_way_it_takes(new_host: NewHost) -> None:
    host = new_host()
    with host.crashing() as steps:
        (host.layout.conf / "folder").mkdir()
        (host.layout.conf / "folder" / "file").write_text("text")
        (host.root / "elsewhere").write_text("not counted")
        host.remove(host.layout.conf / "folder")
    # The folder, the file opened and emptied, the file and the folder removed.
    assert steps.taken == 5


def test_half_a_line_may_be_all_that_is_written(new_host: NewHost) -> None:
    host = new_host()
    path = host.layout.conf / "journal"
    path.write_text("one\n")
    with host.crashing(after=0):
        host.append(path, b"twotwo\n")
    assert path.read_text() == "one\ntwo"


def test_a_power_cut_takes_what_was_not_synced(new_host: NewHost) -> None:
    host = new_host()
    with host.crashing():
        host.write(host.layout.conf / "synced", b"text")
        (host.layout.conf / "written").write_text("text")
        (host.layout.conf / "written").rename(host.layout.conf / "renamed")
    host.reboot()
    assert (host.layout.conf / "synced").read_text() == "text"
    assert (host.layout.conf / "renamed").read_text() == ""


@pytest.mark.parametrize(
    ("behaviour", "workers", "loaded"),
    [
        ("fine", 2, "new"),
        ("wrong", 2, "new"),
        ("refused", 2, "old"),
        ("unbindable", 2, "old"),
        ("ignored", 2, "old"),
        ("dying", 0, "new"),
        ("fatal", 2, "old"),
    ],
)
def test_nginx_does_what_the_tree_says(new_host: NewHost, behaviour: str, workers: int, loaded: str) -> None:
    host = new_host()
    old, master = serves(host), host.nginx.master
    assert master is not None
    (host.layout.conf / "behaviour").write_text(behaviour)
    host.nginx.reload(master.pid)
    host.clock.pass_(5.0)
    assert (host.nginx.master is None) == (behaviour == "fatal")
    assert [worker.loaded for worker in host.nginx.serving] == [{"old": old, "new": serves(host)}[loaded]] * workers


def test_what_must_be_true_can_be_untrue(new_host: NewHost) -> None:
    host = new_host()
    assert untrue(host) == []
    deploy(host, "a")
    assert untrue(host) == []
    assert push(host, "r", "b")["ok"]
    assert untrue(host) == [
        f"pending: {release('b').id[:12]} after {release('a').id[:12]}, serving",
        f"{release('b').id[:12]} is live, and confirmed is {release('a').id[:12]}",
    ]
    deploy(host := new_host(), "a", "b")
    host.layout.bundle(release("a").id).unlink()
    (host.layout.release(release("a").id) / "more").touch()
    (host.layout.conf / "more").touch()
    host.nginx.stop()
    found = untrue(host)
    assert [fault.split(",")[0].partition(" is gone")[0] for fault in found] == [
        f"the tree of {release('b').id[:12]} is {serves(host)[:12]}", "the one before", "nginx serves nothing",
    ]  # fmt: skip
