"""A host whose Python is somebody else's, in a real run beside one that is well: Ansible, connections, records.

What it answers is in ``hostile/python3``, which other stories may use as well. No container is needed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from tests.commands import Ended

pytestmark = pytest.mark.integration

STUB = Path(__file__).parent / "hostile/python3"
HOSTS = ("web1", "evil")
PLATFORM = {"os": "debian 12", "nginx_version": "1.22.1", "modules": []}


class Project:
    """A project of somebody's, with two hosts on this machine."""

    def __init__(self, root: Path, project: Path, play: Callable[..., Ended], manner: str) -> None:
        self.root, self._project, self._play = root, project, play
        hosts = {}
        for host in HOSTS:
            place = root / "hosts" / host
            place.mkdir(parents=True)
            shutil.copy(STUB, place / "python3")
            (place / "manner").write_text(manner if host == "evil" else "honest")
            hosts[host] = {"ansible_python_interpreter": str(place / "python3"), "ansible_connection": "local"}
        self.made: dict[str, Release] = {}
        for host in HOSTS:
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
        releases = [{"id": self.made[host].id, "hosts": [host]} for host in HOSTS]
        run = {
            "run": "{{ run }}",
            "releases": {host: self.made[host].id for host in HOSTS},
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


@pytest.fixture
def started(tmp_path: Path, project: Path, play: Callable[..., Ended]) -> Callable[[str], Project]:
    return lambda manner: Project(tmp_path / "theirs", project, play, manner)


def test_two_hosts_that_are_well_are_confirmed(started: Callable[[str], Project]) -> None:
    theirs = started("honest")
    done = theirs.roll_out()
    assert done.code == 0, done.output
    for host in HOSTS:
        assert theirs.asked(host) == ["probe", "preflight", "activate", "confirm"]
        assert theirs.bundles(host) == {hashlib.sha256(theirs.made[host].bundle).hexdigest()}


@pytest.mark.parametrize(
    "manner",
    [
        *("traversal", "upwards", "probe=poison", "probe=bomb", "other", "forged", "types", "deep", "many", "bytes"),
        *("numbers", "noise", "silent", "screen", "anything"),
    ],
)
def test_a_hostile_host_fails_alone(started: Callable[[str], Project], manner: str) -> None:
    theirs = started(manner)
    (theirs.root / "roll_out.yml").touch()
    before = theirs.files()
    done = theirs.roll_out()
    (theirs.root / "roll_out.yml").write_text("")
    assert theirs.files() == before, "nothing outside of the store has changed"
    assert {path.name for path in (theirs.root / ".sluice/releases").iterdir()} == {
        release.id for release in theirs.made.values()
    }
    assert theirs.bundles("evil") <= {hashlib.sha256(theirs.made["evil"].bundle).hexdigest()}
    assert _crashes(done) == []
    assert "\x1b[2J" not in done.output
    assert "\n::error::" not in done.output or manner == "screen"
    if manner in ("probe=poison", "probe=bomb", "forged"):
        # The gates judge what a probe says; and what a host says beside its answer, nobody reads.
        assert done.code == 0, done.output
    else:
        assert done.code == 2
        assert "evil failed in preflight" in done.output
    assert theirs.asked("web1")[-1] == ("confirm" if done.code == 0 else "preflight")


@pytest.mark.parametrize("manner", ["activate=types", "confirm=deep", "confirm=other", "confirm=types rollback=silent"])
def test_a_host_that_turns_hostile_on_the_way_rolls_the_others_back(
    started: Callable[[str], Project], manner: str
) -> None:
    theirs = started(manner)
    done = theirs.roll_out()
    assert done.code == 2
    assert "evil failed in " in done.output
    assert theirs.asked("web1")[-1] == "rollback"
    assert theirs.asked("evil")[-1] == "rollback"


@pytest.mark.parametrize("manner", ["types", "deep", "anything", "noise"])
def test_people_see_the_other_hosts(started: Callable[[str], Project], project: Path, manner: str) -> None:
    theirs = started(manner)
    shown = theirs.play(project / "playbooks/status.yml", "-e", "notify_team=[]")
    assert _crashes(shown) == []
    assert "web1" in shown.output
    assert "eeeeeeeeeeee" in shown.output
    assert "evil" in shown.output
    freed = theirs.play(project / "playbooks/unlock.yml")
    assert freed.code == 2
    assert "evil: the host's answer to status is malformed" in freed.output or manner in ("noise", "anything")
    drafted = theirs.play(
        project / "playbooks/postmortem.yml", "-e", "from=2026-01-01T00:00", "-e", "to=2026-01-01T01:00"
    )
    assert drafted.code == 0, drafted.output
