"""deploy.yml and its companions on a fleet of three real hosts: what changes, what does not, and what a person reads.

The tests run in the order of this file, on one fleet; each begins and ends with all hosts confirmed. Which release
serves is told by a page that answers with a word, and that word is all in which the releases differ.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.integration

WEB = ("web1", "web2", "web3")
STATE = "/var/lib/sluice"


class Fleet:
    """A sandbox of its own, and what is asked of it."""

    name = "test-deploy"

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        self.project, self._play, self._engine = project, play, engine
        self.made = play("playbooks/sandbox.yml", SLUICE_SANDBOX=self.name)

    def play(self, playbook: str | Path, *arguments: str) -> Any:
        return self._play(playbook, *arguments, SLUICE_SANDBOX=self.name)

    @staticmethod
    def settings(word: str, **more: Any) -> str:
        """Extra variables that make a release with ``word``, quickly."""
        lines = ["server {", "listen 80;", "server_name word.example;", f"return 200 '{word}';", "}"]
        return json.dumps({"nginx_http_lines": lines, "gates_verify": [], "rollout_bake": 0.2, **more})

    def deploy(self, word: str, *arguments: str, **more: Any) -> Any:
        return self.play("deploy.yml", "-e", self.settings(word, **more), *arguments)

    def begin(self, word: str, **more: Any) -> subprocess.Popen[str]:
        """Start a deployment and do not wait for its end."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("ansible-playbook")), "deploy.yml", "-e", self.settings(word, **more)],
            cwd=self.project,
            env={**os.environ, "SLUICE_SANDBOX": self.name, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def container(self, host: str) -> Any:
        fleet = json.loads((self.project / ".sluice" / self.name / "fleet.json").read_text())
        return self._engine.containers.get(fleet[host]["container"])

    def run(self, host: str, *command: str) -> str:
        code, output = self.container(host).exec_run(list(command))
        assert code == 0, output.decode()
        return str(output.decode())

    def state(self, host: str) -> dict[str, Any]:
        return dict(json.loads(self.run(host, "cat", f"{STATE}/state.json")))

    def live(self) -> dict[str, str]:
        """The confirmed release of each host, with nothing pending."""
        states = {host: self.state(host) for host in WEB}
        for host, known in states.items():
            assert known["pending"] is None, host
            assert known["confirmed"]["release"] == known["live"], host
            assert self.run(host, "readlink", "/etc/nginx").strip().endswith(known["live"]), host
        return {host: known["live"] for host, known in states.items()}

    def word(self, host: str) -> str:
        """Which word the host answers with."""
        ask = "import urllib.request as r; q = r.Request('http://127.0.0.1/', headers={'Host': 'word.example'})"
        return self.run(host, "python3", "-c", f"{ask}; print(r.urlopen(q).read().decode())").strip()

    def words(self) -> list[str]:
        return [self.word(host) for host in WEB]

    def written(self, host: str) -> str:
        """When anything of the host's configuration or of Sluice's folder was last written, and what."""
        return self.run(host, "find", STATE, "/etc/nginx", "/etc/nginx/", "-printf", "%p %C@\\n")

    def wait_for_activation(self, host: str) -> None:
        """Return when a release is on trial on the host, and serves."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pending = self.state(host)["pending"]
            if pending and pending["phase"] == "serving":
                return
            time.sleep(0.05)
        pytest.fail(f"no release was activated on {host}")

    def start(self, host: str) -> None:
        self.container(host).start()
        self.run(host, "sh", "-c", "until systemctl is-active ssh nginx >/dev/null; do sleep 0.1; done")


@pytest.fixture(scope="module")
def fleet(project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> Iterator[Fleet]:
    made = Fleet(project, play, engine)
    try:
        assert made.made.code == 0, made.made.output
        yield made
    finally:
        made.play("playbooks/sandbox.yml", "-e", "sandbox_state=absent")


def record_of(output: str) -> dict[str, Any]:
    return dict(json.loads(Path(re.findall(r"^record: (.+)$", output, re.MULTILINE)[-1]).read_text()))


def recap(output: str, host: str) -> str:
    return next(line for line in output.splitlines() if re.match(rf"{host}\s+: ok=", line))


def test_a_rollback_without_anything_before_says_so(fleet: Fleet) -> None:
    done = fleet.play("playbooks/rollback.yml")
    assert done.code == 2
    assert "web1: preflight: this host has no release before the live one" in done.output
    assert "no other host was switched" in done.output


def test_the_first_deployment_serves_everywhere(fleet: Fleet) -> None:
    done = fleet.deploy("first")
    assert done.code == 0, done.output
    assert fleet.words() == ["first"] * 3
    assert len(set(fleet.live().values())) == 1
    assert "3 hosts switched and confirmed" in done.output


def test_the_record_holds_all_evidence(fleet: Fleet) -> None:
    runs = {fleet.state(host)["confirmed"]["run"] for host in WEB}
    record = json.loads((fleet.project / ".sluice/runs" / runs.pop() / "run.json").read_text())
    assert (record["schema"], record["outcome"]) == (1, "3 hosts switched and confirmed")
    assert set(record["run"]) == {"id", "folder", "who", "host", "started"}
    assert set(record["hosts"]) == set(WEB)
    phases = {host: [event["phase"] for event in record["events"] if event["host"] == host] for host in WEB}
    assert phases == {host: ["preflight", "activate", "bake", "settle"] for host in WEB}
    (release,) = next(event for event in record["events"] if event["phase"] == "gate")["answer"]["releases"]
    verdicts = {verdict["gate"]: verdict for verdict in release["verdicts"]}
    assert list(verdicts) == ["spec", "parse", "lint", "syntax", "start", "smoke", "verify"]
    assert {verdict["result"] for verdict in verdicts.values()} == {"pass"}
    assert "syntax is ok" in verdicts["syntax"]["evidence"]["output"]
    assert all(outcome["ok"] for outcome in verdicts["smoke"]["evidence"]["outcomes"])


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    before = [fleet.written(host) for host in WEB]
    done = fleet.deploy("first")
    assert done.code == 0, done.output
    assert all("changed=0" in recap(done.output, host) for host in WEB)
    assert "nothing to do on 3 hosts" in done.output
    assert [fleet.written(host) for host in WEB] == before


def test_check_mode_runs_the_gates_shows_the_difference_and_changes_no_host(fleet: Fleet) -> None:
    before = [fleet.written(host) for host in WEB]
    done = fleet.deploy("second", "--check", "--diff")
    assert done.code == 0, done.output
    assert "smoke   pass" in done.output
    assert re.search(r"^-\s+return 200 'first';$", done.output, re.MULTILINE)
    assert re.search(r"^\+\s+return 200 'second';$", done.output, re.MULTILINE)
    assert "3 of 3 hosts would be switched" in done.output
    assert len(re.findall(r"would be switched to [0-9a-f]{12}$", done.output, re.MULTILINE)) == 3
    assert "3 hosts switched" not in done.output
    assert [fleet.written(host) for host in WEB] == before


def test_a_limit_switches_those_hosts_only(fleet: Fleet) -> None:
    before = fleet.live()
    untouched = [fleet.written(host) for host in ("web1", "web3")]
    done = fleet.deploy("second", "--limit", "web2")
    assert done.code == 0, done.output
    assert re.search(r"gates of release [0-9a-f]{12} for web2$", done.output, re.MULTILINE)
    assert fleet.words() == ["first", "second", "first"]
    assert [fleet.written(host) for host in ("web1", "web3")] == untouched
    assert {host for host, release in fleet.live().items() if release != before[host]} == {"web2"}


def test_a_rollback_goes_to_the_release_of_before_and_to_a_named_one(fleet: Fleet) -> None:
    first, second = fleet.live()["web1"], fleet.live()["web2"]
    back = fleet.play("playbooks/rollback.yml", "--limit", "web2", "-e", '{"rollout_bake": 0.2}')
    assert back.code == 0, back.output
    assert (fleet.live()["web2"], fleet.word("web2")) == (first, "first")
    # web1 and web3 never had it, so nobody goes there.
    refused = fleet.play("playbooks/rollback.yml", "-e", f"release={second[:12]}")
    assert refused.code == 2
    assert f"web1: preflight: this host has no release '{second[:12]}'" in refused.output
    assert set(fleet.live().values()) == {first}
    named = fleet.play("playbooks/rollback.yml", "--limit", "web2", "-e", f"release={second[:12]}")
    assert named.code == 0, named.output
    assert fleet.live()["web2"] == second
    assert f"switched from {first[:12]}, confirmed" in named.output


def test_two_deployments_at_once_one_wins_and_the_other_says_who_holds_the_host(fleet: Fleet) -> None:
    # Two variants, so that each is gated and the hosts of each get their own.
    winner = fleet.begin("third-{{ inventory_hostname == 'web1' }}", rollout_bake=5, rollout_keep=0)
    fleet.wait_for_activation("web1")
    run = fleet.state("web1")["pending"]["run"]
    loser = fleet.deploy("fourth")
    won = winner.communicate(timeout=120)[0]
    assert loser.code == 2
    assert re.search(rf"web1: preflight: the host has a pending release [0-9a-f]{{12}} of run {run}", loser.output)
    assert re.search(r"seen \S+ from \S+ began at \S+, phase serving", loser.output)
    assert "wait until that run has ended; if it died, playbooks/unlock.yml takes it back" in loser.output
    assert "no other host was switched" in loser.output
    assert winner.returncode == 0, won
    assert re.search(r"gates of release [0-9a-f]{12} for web1$", won, re.MULTILINE)
    assert re.search(r"gates of release [0-9a-f]{12} for web2, web3$", won, re.MULTILINE)
    assert fleet.words() == ["third-True", "third-False", "third-False"]


def test_what_nobody_needs_is_pruned(fleet: Fleet) -> None:
    # The deployment before kept only what is needed: what serves, what was before it, and what was adopted first.
    for host in WEB:
        known = fleet.state(host)
        adopted = {release for release, each in known["releases"].items() if each["origin"] == "adopted"}
        needed = {known["live"], known["confirmed"]["before"], *adopted}
        assert set(known["releases"]) == needed
        assert set(fleet.run(host, "ls", f"{STATE}/releases").split()) == needed


def test_a_host_that_cannot_be_reached_stops_the_run_before_any_switch(fleet: Fleet) -> None:
    before = fleet.live()
    fleet.container("web3").stop(timeout=0)
    try:
        done = fleet.deploy("fifth")
        shown = fleet.play("playbooks/status.yml")
    finally:
        fleet.start("web3")
    assert done.code == 2
    assert "web3: preflight: the host cannot be reached" in done.output
    assert "web3 failed in preflight" in done.output
    assert "no other host was switched" in done.output
    assert shown.code == 2
    assert "could not be reached: web3" in shown.output
    assert re.search(rf"^web1  {before['web1'][:12]}  confirmed ", shown.output, re.MULTILINE)
    assert fleet.live() == before


def test_a_host_that_dies_before_its_wave_takes_the_earlier_waves_back(fleet: Fleet) -> None:
    before = fleet.live()
    running = fleet.begin("sixth", rollout_bake=2)
    fleet.wait_for_activation("web1")
    fleet.container("web3").stop(timeout=0)
    try:
        output = running.communicate(timeout=120)[0]
    finally:
        fleet.start("web3")
    assert running.returncode == 2
    assert "web3: activate: the host cannot be reached" in output
    assert re.search(
        rf"^web1  {before['web1'][:12]}  taken back; the release before serves again, proved$", output, re.MULTILINE
    )
    assert re.search(r"^web3  \?\s+could not be reached", output, re.MULTILINE)
    assert "web3 failed in activate" in output
    assert fleet.live() == before


def test_unlock_frees_what_a_killed_run_holds(fleet: Fleet) -> None:
    before = fleet.live()
    killed = fleet.begin("seventh", rollout_bake=60)
    fleet.wait_for_activation("web1")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=10)
    shown = fleet.play("playbooks/status.yml", "-e", "status_format=json")
    answers = json.loads(shown.output[shown.output.index("\n{") : shown.output.rindex("\n}") + 2])
    assert answers["web1"]["pending"]["before"] == before["web1"]
    assert answers["web2"]["pending"] is None
    freed = fleet.play("playbooks/unlock.yml")
    assert freed.code == 0, freed.output
    assert "changed=1" in recap(freed.output, "web1")
    assert "changed=0" in recap(freed.output, "web2")
    assert fleet.live() == before


PUSH = """
- hosts: web
  gather_facts: false
  run_once: true
  tasks:
    - sluice.nginx.run:
      register: rollout_run
- import_playbook: {project}/playbooks/push.yml
- import_playbook: {project}/playbooks/settle.yml
"""


@pytest.fixture(scope="module")
def gated(fleet: Fleet) -> Path:
    """A release that passed the gates and is on no host, in the controller's store."""
    done = fleet.play("playbooks/gate.yml", "-e", fleet.settings("ninth"))
    assert done.code == 0, done.output
    (release,) = next(event for event in record_of(done.output)["events"] if event["phase"] == "gate")["answer"][
        "releases"
    ]
    return fleet.project / ".sluice/releases" / str(release["release"])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("receipt.json", "has no receipt of the gates"),
        ("bundle.tar.gz", "the bundle does not hold the release: nginx.conf is changed"),
    ],
)
def test_what_did_not_pass_the_gates_byte_by_byte_is_refused(
    fleet: Fleet, gated: Path, tmp_path: Path, what: str, words: str
) -> None:
    before = fleet.live()
    playbook = tmp_path / "push.yml"
    playbook.write_text(PUSH.format(project=fleet.project))
    good = (gated / what).read_bytes()
    if what == "receipt.json":
        (gated / what).unlink()
    else:
        (gated / what).write_bytes(one_byte_changed(good))
    try:
        wanted = json.dumps({"rollout_releases": dict.fromkeys(WEB, gated.name)})
        done = fleet.play(playbook, "-e", wanted, "-e", "rollout_bake=0.2")
    finally:
        (gated / what).write_bytes(good)
    assert done.code == 2
    assert words in done.output
    assert "web1 failed in activate" in done.output
    assert "no other host was switched" in done.output
    assert fleet.live() == before


def one_byte_changed(bundle: bytes) -> bytes:
    """The same archive, in which one letter of nginx.conf is another."""
    content = gzip.decompress(bundle)
    assert content.count(b"return 200 'ninth'") == 1
    return gzip.compress(content.replace(b"return 200 'ninth'", b"return 200 'tenth'"))


def test_a_host_without_python_is_told_in_words(fleet: Fleet) -> None:
    done = fleet.play("playbooks/status.yml", "--limit", "web1", "-e", "ansible_python_interpreter=/usr/bin/python9")
    assert "python3 is missing on the host: install it, or set ansible_python_interpreter" in done.output


def test_a_user_who_is_not_root_is_told_in_words(fleet: Fleet) -> None:
    fleet.run("web1", "sh", "-ec", "useradd -m ada; cp -r /root/.ssh /home/ada/; chown -R ada /home/ada/.ssh")
    done = fleet.play("playbooks/status.yml", "--limit", "web1", "-e", "ansible_user=ada")
    assert (
        "the engine must be root on this host; expected user 0; seen user 1000; set `become: true` for it"
        in done.output
    )
