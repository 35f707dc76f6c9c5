"""Sluice leaves two real hosts: what they serve stays, nothing of Sluice does, and a deployment adopts them again.

The tests run in the order of this file, on one fleet.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import Fleet

pytestmark = pytest.mark.integration

WEB = ("web1", "web2")
# What any login, nginx and the sites' own programs change.
NOISE = (
    "/dev",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/cedi-mart",
    "/var/lib/nginx",
    "/var/lib/php",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
)


class Left(Fleet):
    """Two hosts, each with a key and a list of passwords in ``/etc/nginx`` that outlive releases."""

    name = "test-leave"
    web = WEB
    arguments = ("--limit", ",".join(WEB))

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        super().__init__(project, play, engine)
        self.folder = folder
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "ada")], check=True)
        (folder / "signers").write_text(f"ada@desk {(folder / 'ada.pub').read_text()}")

    def variables(self, word: str, **more: Any) -> dict[str, Any]:
        lines = [
            *("server {", "listen 80;", "server_name word.example;", f"location / {{ return 200 '{word}'; }}"),
            *("location /closed {", "auth_basic closed;", "auth_basic_user_file /etc/nginx/shared/users;", "}", "}"),
            *("server {", "listen 8082 http2;", f"location / {{ return 200 '{word}'; }}", "}"),
        ]
        checks = [
            {"get": "http://word.example/", "expect": {"body": word}},
            {"get": "http://word.example/closed", "expect": {"status": 401}},
            {"get": "http://word.example:8082/", "protocol": "h2", "expect": {"body": word}},
        ]
        own = {"nginx_http_lines": lines, "nginx_checks": checks, "nginx_shared_paths": ["shared"]}
        return super().variables(word, **own, gates_signing_key=str(self.folder / "ada"), **more)

    def files(self, host: str) -> dict[str, str]:
        """Every file of the host with its type, mode, owners and target."""
        pruned = " -o ".join(f"-path {path}" for path in NOISE)
        lines = self.sh(host, f"find / \\( {pruned} \\) -prune -o -printf '%p\\t%M %u %g %l\\n'").splitlines()
        found = dict(line.split("\t", 1) for line in lines)
        # The way of Ansible's own modules, which none of these playbooks uses but for the sandbox.
        return {path: what for path, what in found.items() if not path.startswith("/root/.ansible")}

    def workers(self, host: str) -> str:
        return self.sh(host, "pgrep -f '^nginx: worker process$' | sort")


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Left]:
    with Left(project, play, engine, tmp_path_factory.mktemp("keys")).there() as made:
        for host in WEB:
            made.sh(
                host,
                """install -d -m 0750 -g www-data /etc/nginx/shared
                echo 'ada:{PLAIN}tea' > /etc/nginx/shared/users
                chgrp www-data /etc/nginx/shared/users; chmod 0640 /etc/nginx/shared/users""",
            )
        yield made


@pytest.fixture(scope="module")
def before(fleet: Left) -> dict[str, dict[str, str]]:
    """The hosts' files before Sluice came, with a release confirmed since, and with signers."""
    found = {host: fleet.files(host) for host in WEB}
    trusting = fleet.play("playbooks/trust.yml", "-e", f"rollout_allowed_signers={fleet.folder / 'signers'}")
    assert trusting.code == 0, trusting.output
    pushed = fleet.push("one more")
    assert pushed.code == 0, pushed.output
    # Nothing on these hosts speaks HTTP/2.
    assert "1 not tested there" in pushed.output
    assert "sluice.nginx.protocols brings it" in pushed.output
    return found


def test_hosts_get_what_checks_over_http2_need(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    for changes in (True, False):
        done = fleet.play("playbooks/protocols.yml")
        assert done.code == 0, done.output
        assert ("changed=0" not in done.output) == changes
    done = fleet.play("playbooks/protocols.yml", "-e", f"rollout_wheels={fleet.folder}")
    assert done.code == 2, "a folder without them takes nothing away"
    assert "has no wheel of h2, expected one for Python" in " ".join(done.output.split())
    done = fleet.push("two")
    assert done.code == 0, done.output
    assert "not tested there" not in done.output


def test_check_mode_says_what_would_go_and_changes_nothing(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    there = {host: fleet.files(host) for host in WEB}
    done = fleet.play("playbooks/leave.yml", "--check", "--diff")
    assert done.code == 0, done.output
    assert "web2: /etc/nginx would be a directory again, with the files of release" in done.output
    assert "/usr/local/sbin/sluice-engine, /usr/local/lib/sluice, /etc/sluice" in done.output
    assert "-/etc/nginx -> /var/lib/sluice/releases/" in done.output
    assert "+/etc/nginx (a directory)" in done.output
    assert {host: fleet.files(host) for host in WEB} == there


def test_what_is_in_the_way_on_one_host_stops_it_on_all(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    fleet.sh("web2", "echo '# by hand' >> /etc/nginx/nginx.conf")
    done = fleet.play("playbooks/leave.yml")
    assert done.code == 2
    assert "web2: the live tree was changed on the host since it was deployed (drift)" in done.output
    assert "nothing was removed on any host" in done.output
    assert fleet.sh("web1", "readlink /etc/nginx").startswith("/var/lib/sluice/releases/")
    fleet.sh("web2", "sed -i '/# by hand/d' /etc/nginx/nginx.conf")


def test_nothing_of_sluice_stays_and_nginx_serves_on(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    workers = {host: fleet.workers(host) for host in WEB}
    live = {host: fleet.sh(host, "cd /etc/nginx/; find . -type f | sort | xargs sha256sum") for host in WEB}
    done = fleet.play("playbooks/leave.yml")
    assert done.code == 0, done.output
    for host in WEB:
        after = fleet.files(host)
        outside = [
            path
            for path in after.keys() | before[host].keys()
            if after.get(path) != before[host].get(path) and not path.startswith("/etc/nginx/")
        ]
        assert outside == [], host
        # The sandbox has a program of that name, and what the tree has is nginx's.
        named = [path for path in after if "sluice" in path.lower() and not path.startswith("/etc/nginx/")]
        assert [path for path in named if path not in before[host]] == []
        assert fleet.sh(host, "ls /run | grep -i sluice || true") == ""
        units = fleet.sh(host, "systemctl list-units --all --plain --no-legend 'sluice*'")
        assert [line for line in units.splitlines() if "sluice-receiver" not in line] == []
        kept = ("/etc/nginx", "/etc/nginx/shared", "/etc/nginx/shared/users")
        assert {path: after[path] for path in kept} == {path: before[host][path] for path in kept}
        files = fleet.sh(host, "cd /etc/nginx/; find . -type f -not -path './shared/*' | sort | xargs sha256sum")
        assert files == live[host]
        assert (fleet.word(host), fleet.workers(host)) == ("two", workers[host])
        fleet.sh(host, "nginx -t -q; systemctl reload nginx; systemctl restart nginx")
        assert fleet.word(host) == "two"


def test_there_is_nothing_to_leave_twice(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    there = {host: fleet.files(host) for host in WEB}
    done = fleet.play("playbooks/leave.yml")
    assert done.code == 0, done.output
    assert "web1: there is nothing of Sluice on this host" in done.output
    assert "changed=0" in done.output
    assert {host: fleet.files(host) for host in WEB} == there


def test_a_deployment_adopts_the_hosts_again(fleet: Left, before: dict[str, dict[str, str]]) -> None:
    done = fleet.push("three")
    assert done.code == 0, done.output
    assert [fleet.word(host) for host in WEB] == ["three", "three"]
    assert "adopted" in fleet.sh("web1", "cat /var/lib/sluice/state.json")
