"""A host whose Python is somebody else's, in a real run beside one that is well: Ansible, connections, records.

What it answers is in ``hostile/python3``, which other stories may use as well. No container is needed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from tests.commands import Ended
from tests.integration.fleet import record_of

pytestmark = pytest.mark.integration

STUB = Path(__file__).parent / "hostile/python3"
PLATFORM = {"os": "debian 12", "nginx_version": "1.22.1", "modules": []}


class Project:
    """A project of somebody's, with hosts on this machine, and in which manner each answers."""

    def __init__(self, root: Path, project: Path, play: Callable[..., Ended], manners: dict[str, str]) -> None:
        self.root, self._project, self._play = root, project, play
        hosts = {}
        for host, manner in manners.items():
            place = root / "hosts" / host
            place.mkdir(parents=True)
            shutil.copy(STUB, place / "python3")
            (place / "manner").write_text(manner)
            hosts[host] = {"ansible_python_interpreter": str(place / "python3"), "ansible_connection": "local"}
        self.made: dict[str, Release] = {}
        for host in manners:
            tree = trees.overlay({"nginx.conf": trees.file(b"events {} # " + host.encode(), "raw")})
            self.made[host] = ReleaseStore(root / ".sluice/releases").add(tree, [], [], PLATFORM)
        (root / "inventory/group_vars").mkdir(parents=True)
        (root / "inventory/hosts.yml").write_text(yaml.safe_dump({"web": {"hosts": hosts}}))
        (root / "inventory/group_vars/all.yml").write_text("ansible_become: false\n")
        (root / "packaged").mkdir()
        (root / "ansible.cfg").touch()

    def play(self, playbook: Path, *arguments: str) -> Ended:
        inventory = str(self.root / "inventory/hosts.yml")
        return self._play(playbook, "-i", inventory, *arguments, ANSIBLE_CONFIG=str(self.root / "ansible.cfg"))

    def roll_out(self) -> Ended:
        """Probe the hosts, and take all steps of a roll-out."""
        releases = [{"id": self.made[host].id, "hosts": [host]} for host in self.made]
        run = {
            "run": "{{ run }}",
            "releases": {host: self.made[host].id for host in self.made},
            "emergency": "{{ rollout_emergency }}",
        }
        tasks = [
            {"sluice.nginx.run_start": None, "register": "run"},
            {"sluice.nginx.live_info": {"releases": releases, "platform": {"tree": str(self.root / "packaged")}}},
            *({"sluice.nginx.rollout": {**run, "bake": 0, "step": step}} for step in ("preflight", "wave", "finalize")),
            {"sluice.nginx.run_end": {"run": "{{ run }}"}},
        ]
        play = {"hosts": "web", "gather_facts": False, "run_once": True, "tasks": tasks}
        (self.root / "roll_out.yml").write_text(yaml.safe_dump([play]))
        # No gate has examined these releases, and only the command line may say so.
        return self.play(self.root / "roll_out.yml", "-e", '{"rollout_emergency": "a test"}')

    def asked(self, host: str) -> list[str]:
        """The operations of a host, in their order."""
        return [row["op"] for row in self._received(host)]

    def bundles(self, host: str) -> set[str]:
        """The digests of what was sent to a host."""
        return {row["bundle"] for row in self._received(host)} - {""}

    def _received(self, host: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (self.root / "hosts" / host / "received.jsonl").read_text().splitlines()]

    def files(self) -> dict[str, str]:
        """Everything but what the controller keeps, and what the hosts have noted."""
        return {
            str(path.relative_to(self.root)): path.read_text(errors="replace") if path.is_file() else ""
            for path in self.root.rglob("*")
            if ".sluice" not in path.parts and path.name != "received.jsonl"
        }


def _crashes(done: Ended) -> list[str]:
    """Lines that no action of ours has said as its failure."""
    odd = ("Traceback", "Task failed", "Unexpected")
    lines = [line for line in done.output.splitlines() if any(word in line for word in odd)]
    return [line for line in lines if "Task failed: Action failed: " not in line]


# All of it is refused before any host is switched.
REFUSED = (
    *("traversal", "upwards", "other", "types", "deep", "many", "bytes"),
    *("numbers", "noise", "silent", "screen", "anything"),
)
# The gates judge what a probe says; and what a host says beside its answer, nobody reads.
BESIDE = {"poison": "probe=poison", "bomb": "probe=bomb", "forged": "forged"}
TURNED = (
    {"types": "activate=types"},
    {"deep": "confirm=deep", "other": "confirm=other", "silent": "confirm=types rollback=silent"},
)


@pytest.fixture
def started(tmp_path: Path, project: Path, play: Callable[..., Ended]) -> Callable[[dict[str, str]], Project]:
    return lambda hostile: Project(tmp_path / "theirs", project, play, {"web1": "honest", **hostile})


def _rolled_out(theirs: Project) -> Ended:
    """Roll out, and see that it has left nothing but what it is to leave, and shown nothing as it came."""
    (theirs.root / "roll_out.yml").touch()
    before = theirs.files()
    done = theirs.roll_out()
    (theirs.root / "roll_out.yml").write_text("")
    assert theirs.files() == before, "nothing outside of the store has changed"
    assert {path.name for path in (theirs.root / ".sluice/releases").iterdir()} == {
        release.id for release in theirs.made.values()
    }
    for host, release in theirs.made.items():
        assert theirs.bundles(host) <= {hashlib.sha256(release.bundle).hexdigest()}, host
    assert _crashes(done) == []
    assert "\x1b[2J" not in done.output
    return done


def test_hostile_hosts_fail_alone(started: Callable[[dict[str, str]], Project]) -> None:
    theirs = started({manner: manner for manner in REFUSED})
    done = _rolled_out(theirs)
    assert done.code == 2, done.output
    assert set(re.findall("^::error::.*", done.output, re.MULTILINE)) <= {"::error::taken"}
    events = record_of(done.output)["events"]
    failed = {(each["host"], each["phase"]) for each in events if each["host"] and not each["good"]}
    assert failed == {(host, "preflight") for host in REFUSED}, done.output
    assert theirs.asked("web1")[-1] == "preflight"


def test_what_nobody_reads_stops_nothing(started: Callable[[dict[str, str]], Project]) -> None:
    theirs = started(BESIDE)
    done = _rolled_out(theirs)
    assert done.code == 0, done.output
    assert "\n::error::" not in done.output
    for host in theirs.made:
        assert theirs.asked(host) == ["probe", "preflight", "activate", "confirm"]
        assert theirs.bundles(host) == {hashlib.sha256(theirs.made[host].bundle).hexdigest()}


@pytest.mark.parametrize("hostile", TURNED, ids=" ".join)
def test_a_host_that_turns_hostile_on_the_way_rolls_the_others_back(
    started: Callable[[dict[str, str]], Project], hostile: dict[str, str]
) -> None:
    theirs = started(hostile)
    done = theirs.roll_out()
    assert done.code == 2
    failed = {each["host"] for each in record_of(done.output)["events"] if each["host"] and not each["good"]}
    assert failed == set(hostile), done.output
    for host in theirs.made:
        assert theirs.asked(host)[-1] == "rollback", host


def test_people_see_the_other_hosts(started: Callable[[dict[str, str]], Project], project: Path) -> None:
    hostile = ("types", "deep", "anything", "noise")
    theirs = started({manner: manner for manner in hostile})
    shown = theirs.play(project / "playbooks/status.yml", "-e", "notify_team=[]")
    assert _crashes(shown) == []
    assert "web1" in shown.output
    assert "eeeeeeeeeeee" in shown.output
    for host in hostile:
        assert re.search(rf"\b{host}\b", shown.output), host
    freed = theirs.play(project / "playbooks/unlock.yml")
    assert freed.code == 2
    for host in ("types", "deep"):
        assert f"{host}: the host's answer to status is malformed" in freed.output
    drafted = theirs.play(
        project / "playbooks/postmortem.yml", "-e", "from=2026-01-01T00:00", "-e", "to=2026-01-01T01:00"
    )
    assert drafted.code == 0, drafted.output
