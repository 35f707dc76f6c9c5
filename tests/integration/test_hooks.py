"""Hooks with a real HAProxy in front of three real hosts: no request is lost, and who was taken out comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import WEB, Fleet, record_of

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/haproxy"
HOOKS = {"before_host": "examples/haproxy/drain.yml", "after_host": "examples/haproxy/return.yml"}
BALANCER = "app1"
IS_SECOND = "inventory_hostname == 'web2'"
# Two visitors, with a fresh connection for each request: ninety a second. What is no 200 with a word is lost.
VISITORS = """
import collections, http.client, json, os, threading, time
seen, lost = collections.Counter(), []
def visit():
    while not os.path.exists("/tmp/stop"):
        try:
            way = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
            way.request("GET", "/", headers={"Host": "word.example"})
            answer = way.getresponse()
            word = answer.read().decode()
            way.close()
            if answer.status == 200:
                seen[word] += 1
            else:
                lost.append(f"{answer.status} {word[:80]}")
        except Exception as error:
            lost.append(repr(error))
        time.sleep(0.02)
threads = [threading.Thread(target=visit) for _ in range(2)]
[each.start() for each in threads]
[each.join() for each in threads]
json.dump({"seen": seen, "lost": lost}, open("/tmp/visitors.json.new", "w"))
os.rename("/tmp/visitors.json.new", "/tmp/visitors.json")
"""


class Balanced(Fleet):
    """A sandbox whose host of the applications is a balancer as well."""

    name = "test-hooks"
    beside = (BALANCER,)

    def __init__(self, project: Path, folder: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        groups = folder / "balancers.yml"
        groups.write_text(f"balancers:\n  hosts: {{{BALANCER}: }}\n", encoding="utf-8")
        self.arguments = ("-i", "inventories/sandbox/hosts.yml", "-i", str(groups))
        super().__init__(project, play, engine)

    def balance(self) -> None:
        """Install HAProxy, as the example has it, and wait until it serves by all hosts."""
        config = (EXAMPLE / "haproxy.cfg").read_text(encoding="utf-8").replace("shop.example", "word.example")
        for host in WEB:
            container = self.container(host)
            container.reload()
            (network,) = container.attrs["NetworkSettings"]["Networks"].values()
            config = config.replace(f" {host}:80", f" {network['IPAddress']}:80")
        script = (
            "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -qy install haproxy socat && "
            f"cat >/etc/haproxy/haproxy.cfg <<'END'\n{config}END\nsystemctl restart haproxy"
        )
        self.run(BALANCER, "sh", "-ec", script)

    def states(self) -> dict[str, str]:
        """What HAProxy says of each host."""
        shown = self.run(BALANCER, "sh", "-c", "echo 'show stat web 4 -1' | socat stdio /run/haproxy/admin.sock")
        rows = [line.split(",") for line in shown.splitlines() if line.startswith("web,")]
        return {row[1]: row[17] for row in rows}

    def until_up(self) -> None:
        deadline = time.monotonic() + 60
        while self.states() != dict.fromkeys(WEB, "UP"):
            assert time.monotonic() < deadline, self.states()
            time.sleep(0.5)

    def visited(self) -> Generator[dict[str, Any]]:
        """Visit as long as the caller wants; afterwards the answer has what was seen and lost."""
        self.run(BALANCER, "sh", "-c", f"rm -f /tmp/stop /tmp/visitors.json; cat >/tmp/visit.py <<'END'\n{VISITORS}END")
        self.container(BALANCER).exec_run(["python3", "/tmp/visit.py"], detach=True)
        found: dict[str, Any] = {}
        try:
            yield found
        finally:
            self.run(BALANCER, "touch", "/tmp/stop")
            self.run(BALANCER, "sh", "-c", "until [ -f /tmp/visitors.json ]; do sleep 0.1; done")
            found.update(json.loads(self.run(BALANCER, "cat", "/tmp/visitors.json")))


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Balanced]:
    with Balanced(project, tmp_path_factory.mktemp("hooks"), play, engine).there() as made:
        done = made.push("first", **healthy("first"))
        assert done.code == 0, done.output
        made.balance()
        made.until_up()
        yield made


def healthy(word: str, *lines: str) -> dict[str, Any]:
    """The lines of a release with a word, and a page for the balancer."""
    server = ["server {", "listen 80;", *lines, "server_name word.example;"]
    return {
        "nginx_http_lines": [
            *server,
            "location = /healthz { return 200 ok; }",
            f"location / {{ return 200 '{word}'; }}",
            "}",
        ],
        "nginx_checks": [
            {"get": "http://word.example/", "expect": {"body": word}},
            {"get": "http://word.example/healthz", "expect": {"body": "ok"}},
        ],
    }


def _told(output: str) -> list[tuple[str, str]]:
    """What was done to hosts after the preflight, in its order: the host, and the hook or the phase."""
    events = record_of(output)["events"]
    rows = [(each["host"], each["answer"].get("hook") or each["phase"]) for each in events if each["host"]]
    return [row for row in rows if row[1] not in ("preflight", "bake")]


def test_no_request_is_lost_and_hosts_are_out_while_they_are_switched(fleet: Balanced) -> None:
    visiting = fleet.visited()
    found = next(visiting)
    done = fleet.push("second", rollout_hooks=HOOKS, **healthy("second"))
    visiting.close()
    assert done.code == 0, done.output
    assert found["lost"] == []
    assert min(found["seen"]["first"], found["seen"]["second"]) > 20, found["seen"]
    told = _told(done.output)
    for host in WEB:
        assert [what for name, what in told if name == host] == ["before_host", "activate", "after_host", "finalize"]
    assert fleet.states() == dict.fromkeys(WEB, "UP")


def test_a_host_that_fails_to_switch_goes_back_into_its_balancer(fleet: Balanced, tmp_path: Path) -> None:
    """Another program takes the port on one host after the preflight, so nginx cannot reload there."""
    taking = {"ansible.builtin.shell": "python3 -m http.server 8123 >/dev/null 2>&1 &"}
    tasks = [{"ansible.builtin.include_tasks": str(EXAMPLE / "drain.yml")}, {**taking, "when": IS_SECOND}]
    (tmp_path / "drain.yml").write_text(json.dumps(tasks), encoding="utf-8")
    hooks = {**HOOKS, "before_host": str(tmp_path / "drain.yml")}
    visiting = fleet.visited()
    found = next(visiting)
    try:
        done = fleet.push("third", rollout_hooks=hooks, **healthy("third", "listen 8123;"))
    finally:
        visiting.close()
        fleet.run("web2", "sh", "-c", "pkill -f [h]ttp.server; true")
    assert done.code == 2
    assert "web2 failed in activate" in done.output, done.output
    assert found["lost"] == []
    assert fleet.states() == dict.fromkeys(WEB, "UP")
    assert fleet.words() == ["second"] * 3
    told = _told(done.output)
    assert [what for name, what in told if name == "web2"] == ["before_host", "activate", "finalize", "after_host"]
    assert not [row for row in told if row[0] == "web3"]


@pytest.mark.thorough
def test_a_balancer_that_does_not_answer_stops_the_run_before_a_host_is_switched(fleet: Balanced) -> None:
    before = fleet.live()
    fleet.run(BALANCER, "systemctl", "stop", "haproxy")
    try:
        done = fleet.push("fourth", rollout_hooks=HOOKS, **healthy("fourth"))
    finally:
        fleet.run(BALANCER, "systemctl", "start", "haproxy")
    assert done.code == 2
    assert "web1 failed in hook (before_host: Take the host out of the balancer: " in done.output, done.output
    assert fleet.live() == before


def test_a_hook_of_a_wave_that_fails_rolls_back(fleet: Balanced, tmp_path: Path) -> None:
    fleet.until_up()
    before = fleet.live()
    hook = tmp_path / "whole.yml"
    hook.write_text("- name: Order a teapot\n  ansible.builtin.fail: {msg: no teapot}\n", encoding="utf-8")
    done = fleet.push("fifth", rollout_hooks={"after_wave": str(hook)}, **healthy("fifth"))
    assert done.code == 2
    assert "the run failed in hook (after_wave: Order a teapot: no teapot)" in done.output
    assert fleet.live() == before


def test_a_hook_that_is_not_there_is_refused_before_any_host_is_asked(fleet: Balanced) -> None:
    done = fleet.push("fifth", rollout_hooks={"after_host": "away.yml"}, **healthy("fifth"))
    assert done.code == 2
    assert "rollout_hooks.after_host: there is no file" in done.output
