"""The order of a roll-out on three real hosts: by group and variable, a person between two waves, lost hosts."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from tests.integration.fleet import WEB, Fleet, record_of

pytestmark = pytest.mark.integration

REGIONS = """
us:
  hosts: {web2: }
eu:
  hosts: {web1: , web3: }
  vars: {zone: eu-1}
"""


class Regions(Fleet):
    """A sandbox whose hosts are in two regions."""

    name = "test-waves"

    def __init__(self, project: Path, folder: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        regions = folder / "regions.yml"
        regions.write_text(REGIONS, encoding="utf-8")
        self.arguments = ("-i", "inventories/sandbox/hosts.yml", "-i", str(regions))
        super().__init__(project, play, engine)

    def waiting(self, running: subprocess.Popen[str]) -> Path:
        """Return the record of the run that waits for a person, once it does."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and running.poll() is None:
            found = list((self.project / ".sluice/runs").glob("*/waiting.json"))
            if found:
                return found[0].parent
            time.sleep(0.1)
        running.terminate()
        pytest.fail(f"no run waits:\n{running.communicate()[0]}")


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Regions]:
    with Regions(project, tmp_path_factory.mktemp("waves"), play, engine).there() as made:
        yield made


@pytest.fixture
def served(fleet: Regions) -> str:
    """The word that all hosts answer with: that of one release, which is deployed where they have not the same."""
    links = {fleet.printed(host, "readlink", "-f", "/etc/nginx") for host in WEB}
    if len(links) > 1 or "/releases/" not in links.pop():
        done = fleet.push("served")
        assert done.code == 0, done.output
    (word,) = set(fleet.words())
    return word


def _switched(output: str) -> list[str]:
    """The hosts in the order in which they were switched."""
    events = record_of(output)["events"]
    return [event["host"] for event in events if event["phase"] == "activate" and event["good"]]


def test_waves_go_by_group_and_by_variable(fleet: Regions) -> None:
    done = fleet.push("first", rollout_waves=["us", {"where": {"zone": "eu-1"}, "size": 1}])
    assert done.code == 0, done.output
    assert _switched(done.output) == ["web2", "web1", "web3"]
    assert fleet.words() == ["first"] * 3


def test_an_order_that_forgets_hosts_is_refused_before_any_is_touched(fleet: Regions, served: str) -> None:
    before = fleet.live()
    done = fleet.push("second", rollout_waves=["us"])
    assert done.code == 2
    assert "rollout_waves: web1, web3 would be in no wave; end the list with 100%" in done.output
    assert fleet.live() == before


@pytest.mark.parametrize(
    ("decision", "timeout", "seconds"),
    # The watchdog of the second would act long before the person does, if the run did not send heartbeats meanwhile.
    [("stop", 120, 0), pytest.param("continue", 45, 50, marks=pytest.mark.thorough)],
)
def test_a_run_waits_for_a_person_between_two_waves(
    fleet: Regions, served: str, decision: str, timeout: float, seconds: float
) -> None:
    order = [{"group": "us", "pause": "person"}, "100%"]
    asked = f"after-{decision}"
    running = fleet.begin_push(asked, rollout_waves=order, rollout_confirm_timeout=timeout)
    folder = fleet.waiting(running)
    time.sleep(seconds)
    assert [fleet.word(host) for host in ("web2", "web1")] == [asked, served]
    decided = fleet.play("playbooks/continue.yml", "-e", f"run={folder.name}", "-e", f"decision={decision}")
    output = running.communicate(timeout=300)[0]
    assert decided.code == 0, decided.output
    assert f"run {folder.name}, which waits after us: {decision}" in decided.output
    assert (running.returncode == 0) == (decision == "continue"), output
    assert fleet.words() == [asked if decision == "continue" else served] * 3
    if decision == "stop":
        assert "the run failed in pause (" in output
        assert "stopped the run); the 1 switched before it were rolled back" in output
    again = fleet.play("playbooks/continue.yml")
    assert again.code == 2
    assert "no run waits for a person" in again.output


@pytest.mark.thorough
def test_a_host_that_cannot_be_reached_is_left_out_within_the_budget(fleet: Regions, served: str) -> None:
    before = fleet.live()
    fleet.container("web3").stop(timeout=0)
    try:
        refused = fleet.push("fourth")
        done = fleet.push("fourth", rollout_unreachable_budget="34%")
    finally:
        fleet.start("web3")
    assert refused.code == 2
    assert "web3 failed in preflight" in refused.output
    assert done.code == 0, done.output
    assert "2 hosts switched and confirmed; left out, as it could not be reached: web3" in done.output
    assert re.search(r"^web3 .*could not be reached; nothing was changed on it$", done.output, re.MULTILINE)
    assert fleet.words() == ["fourth", "fourth", served]
    assert fleet.live()["web3"] == before["web3"]
    fixed = fleet.push("fourth")
    assert fixed.code == 0, fixed.output
    assert fleet.words() == ["fourth"] * 3


@pytest.mark.thorough
def test_a_host_that_is_lost_pending_is_rolled_back_by_its_watchdog(fleet: Regions, served: str) -> None:
    running = fleet.begin_push(
        "fifth", rollout_waves=["100%"], rollout_bake=6, rollout_confirm_timeout=9, rollout_unreachable_budget=1
    )
    fleet.wait_for_activation("web3", running)
    # It serves on, and nobody reaches it.
    fleet.run("web3", "systemctl", "stop", "ssh.socket", "ssh.service")
    fleet.run("web3", "sh", "-c", "pkill sshd; true")
    try:
        output = running.communicate(timeout=300)[0]
        deadline = time.monotonic() + 60
        while fleet.state("web3")["pending"] and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        fleet.run("web3", "systemctl", "start", "ssh")
    assert running.returncode == 0, output
    assert "left out, as it could not be reached: web3" in output
    assert fleet.words() == ["fifth", "fifth", served]
    assert fleet.state("web3")["last"]["by"] == "watchdog"


def test_a_release_is_promoted_as_it_is_once_it_has_soaked(fleet: Regions, served: str) -> None:
    first = fleet.push("soaked", "--limit", "web2", gates_inventory="us")
    assert first.code == 0, first.output
    # What the variables would render by now is another release.
    settings = fleet.settings("newer", gates_inventory="eu", rollout_waves=["100%"])
    arguments = ("playbooks/promote.yml", "--limit", "web1,web3", "-e", settings, "-e", "promote_from=us")
    early = fleet.play(*arguments)
    assert early.code == 2
    said = " ".join(early.output.split())
    assert "has not soaked on us; expected 24 h confirmed on 1 host; actual:" in said
    assert [fleet.word(host) for host in ("web1", "web3")] == [served, served]
    done = fleet.play(*arguments, "-e", "promote_hours=0.0001")
    assert done.code == 0, done.output
    assert fleet.words() == ["soaked"] * 3
    assert len(set(fleet.live().values())) == 1
    record = record_of(done.output)
    (release,) = record["releases"]
    (lived,) = [row for row in release["lived"] if row["inventory"] == "us"]
    assert (record["inventory"], lived["now"], lived["rolled_back"]) == ("eu", 1, False)
    # What people rolled back goes nowhere.
    back = fleet.play(
        "playbooks/rollback.yml", "--limit", "web2", "-e", json.dumps({"gates_inventory": "us", "rollout_bake": 0.2})
    )
    assert back.code == 0, back.output
    refused = fleet.play(*arguments, "-e", "promote_hours=0.0001", "-e", f"release={release['release'][:12]}")
    assert refused.code == 2
    assert "was rolled back there at" in " ".join(refused.output.split())


def _restart_when_it_stops(fleet: Regions, host: str) -> threading.Thread:
    """A container that is started anew only stops; somebody has to play the machine."""

    def play() -> None:
        container = fleet.container(host)
        container.wait(timeout=120)
        container.start()

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    return thread


def test_a_drill_rehearses_rollbacks_and_changes_nothing(fleet: Regions, served: str) -> None:
    before, state = fleet.live(), fleet.state("web1")
    both = fleet.play("playbooks/drill.yml", "--limit", "web1,web2")
    assert both.code == 2
    assert "a drill is on one host, and this play has 2" in both.output
    done = fleet.play("playbooks/drill.yml", "--limit", "web1", "-e", "rollout_drill_timeout=5")
    assert done.code == 0, done.output
    assert "web1: failing check: as it should: the check failed, and the host rolled back by reload" in done.output
    found = re.search(r"web1: watchdog: as it should: rolled back by watchdog, back after ([\d.]+) s", done.output)
    assert found, done.output
    assert 4 <= float(found[1]) < 30
    assert (fleet.live(), fleet.words()) == (before, [served] * 3)
    after = fleet.state("web1")
    assert (after["confirmed"], after["last"]["by"]) == (state["confirmed"], "watchdog")
    assert "failing check" in (fleet.project / ".sluice/runs/index.html").read_text(encoding="utf-8")
    # What comes next is as ever.
    assert fleet.push("calmer").code == 0
    assert fleet.words() == ["calmer"] * 3


@pytest.mark.thorough
def test_a_host_that_is_started_anew_in_a_drill_comes_up_with_what_it_served(fleet: Regions, served: str) -> None:
    before = fleet.live()
    machine = _restart_when_it_stops(fleet, "web3")
    wanted = {"drill_reboot": True, "rollout_drill_timeout": 5}
    done = fleet.play("playbooks/drill.yml", "--limit", "web3", "-e", json.dumps(wanted))
    machine.join(timeout=30)
    assert done.code == 0, done.output
    assert "web3: reboot while pending: as it should: rolled back by" in done.output
    assert fleet.live() == before


def _let_time_pass(fleet: Regions, run: str) -> None:
    """The bake of the first wave is over now, and that of the next is short: what the run noted is its only clock."""
    noted = fleet.project / ".sluice/runs" / run / "detached.json"
    known = json.loads(noted.read_text(encoding="utf-8"))
    known["until"], known["terms"]["bake"] = now(), 4
    noted.write_text(json.dumps(known), encoding="utf-8")


def test_hosts_bake_on_after_the_run_has_ended(fleet: Regions, served: str) -> None:
    # Longer than the next look takes on a busy machine; nobody waits for the end of it.
    terms = {"rollout_detach": True, "rollout_bake": 150, "rollout_confirm_timeout": 180}
    left = fleet.push("baked", rollout_waves=["us", "100%"], **terms)
    assert left.code == 0, left.output
    found = re.search(
        r"run (\S+) is detached: the hosts switched so far bake until .* after us comes 1 more wave", left.output
    )
    assert found, left.output
    assert [fleet.word(host) for host in ("web2", "web1", "web3")] == ["baked", served, served]
    timer = ("playbooks/continue.yml", "-e", "decision=heartbeat", "-e", f"run={found[1]}")
    until = time.monotonic() + 300
    done = fleet.play(*timer)
    assert done.code == 0, done.output
    assert "is detached: the hosts switched so far bake until" in done.output
    assert fleet.word("web1") == served
    _let_time_pass(fleet, found[1])
    while "3 hosts switched and confirmed" not in done.output and time.monotonic() < until:
        time.sleep(1)
        done = fleet.play(*timer)
        assert done.code == 0, done.output
    assert "3 hosts switched and confirmed" in done.output
    assert record_of(done.output)["run"]["id"] == found[1]
    assert fleet.words() == ["baked"] * 3
    fleet.live()
    assert "no run is detached; there is nothing to continue" in fleet.play(*timer).output


@pytest.mark.thorough
def test_hosts_that_nobody_continues_roll_back_and_so_does_the_run(fleet: Regions, served: str) -> None:
    before, words = fleet.live(), fleet.words()
    terms = {"rollout_detach": True, "rollout_bake": 600, "rollout_confirm_timeout": 6}
    left = fleet.push("forgotten", rollout_waves=["us", "100%"], **terms)
    assert left.code == 0, left.output
    deadline = time.monotonic() + 60
    while fleet.state("web2")["pending"] and time.monotonic() < deadline:
        time.sleep(0.5)
    assert (fleet.live(), fleet.words()) == (before, words)
    found = re.search(r"run (\S+) is detached", left.output)
    assert found, left.output
    done = fleet.play("playbooks/continue.yml", "-e", f"run={found[1]}")
    assert done.code == 2
    assert "web2 failed in bake" in done.output
    assert (fleet.live(), fleet.words()) == (before, words)
