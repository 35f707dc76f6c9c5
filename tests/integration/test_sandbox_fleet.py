"""The sandbox: made, left alone, brought back and removed, by its playbook."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Ended, run_playbook

PROJECT = Path(__file__).resolve().parents[2]
NAME = "fleet-test"
FOLDER = PROJECT / ".sluice/fleets" / NAME

pytestmark = pytest.mark.integration


def _play(*arguments: str, **environment: str) -> Ended:
    """Run the sandbox's playbook for two of its hosts."""
    settings = {
        "SLUICE_SANDBOX": NAME,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "default",
        **environment,
    }
    return run_playbook(PROJECT, "playbooks/sandbox.yml", "--limit", "web1,web3", *arguments, environment=settings)


def _ssh(host: str, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ssh", "-F", str(FOLDER / "ssh_config"), host, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _fleet() -> dict[str, dict[str, str]]:
    return dict(json.loads((FOLDER / "fleet.json").read_text()))


@pytest.fixture(scope="module")
def fleet() -> Iterator[dict[str, dict[str, str]]]:
    done = _play()
    assert done.code == 0, done.output
    yield _fleet()
    done = _play("-e", "sandbox_state=absent")
    assert done.code == 0, done.output
    assert not FOLDER.exists()


def test_a_second_run_changes_nothing(fleet: dict[str, dict[str, str]]) -> None:
    done = _play()
    assert done.code == 0, done.output
    assert "changed=0" in done.output
    assert "changed=1" not in done.output
    assert _fleet() == fleet


def test_check_mode_changes_nothing(fleet: dict[str, dict[str, str]]) -> None:
    done = _play("--check", "-e", "sandbox_state=absent")
    assert done.code == 0, done.output
    assert _ssh("web1", "true").returncode == 0


def test_a_host_that_has_stopped_comes_back_at_the_same_ports(fleet: dict[str, dict[str, str]]) -> None:
    subprocess.run(["docker", "stop", "--time", "0", fleet["web1"]["container"]], check=True, capture_output=True)
    done = _play()
    assert done.code == 0, done.output
    assert _fleet() == fleet
    assert _ssh("web1", "hostname").stdout == "web1\n"


def test_a_host_that_restarts_itself_comes_back(fleet: dict[str, dict[str, str]]) -> None:
    before = _ssh("web3", "cat /proc/1/stat").stdout
    _ssh("web3", "systemctl reboot")
    done = _play()
    assert done.code == 0, done.output
    assert _ssh("web3", "cat /proc/1/stat").stdout not in ("", before)


@pytest.mark.parametrize(
    ("host", "command", "answer"),
    [
        ("web1", "systemctl is-active nginx cedi-mart", "active\nactive\n"),
        ("web1", "stat -c '%F %U' /run/php/php-fpm.sock", "socket www-data\n"),
        ("web1", "stat -c '%a' /etc/ssl/shwitter/key.pem", "600\n"),
        ("web1", "cat /srv/cedi-mart/build/number", "build 42\n"),
        ("web3", "cat /srv/cedi-mart/build/number", "build 41\n"),
        ("web3", "test -e /etc/nginx/sites-enabled/default && echo packaged", "packaged\n"),
    ],
)
def test_what_runs_on_a_host(fleet: dict[str, dict[str, str]], host: str, command: str, answer: str) -> None:
    assert _ssh(host, command).stdout == answer


def test_without_docker_there_is_a_sentence(tmp_path: Path) -> None:
    done = _play(DOCKER_HOST=f"unix://{tmp_path}/missing.sock")
    assert done.code != 0
    assert "Docker does not answer at unix://" in done.output
    assert "Traceback" not in done.output


# What root on a host may try with the machine's control groups, also by mounting them itself.
REACH = """
mkdir -p /tmp/groups
for each in cpu devices memory none,name=systemd; do
  mount -t cgroup -o $each none /tmp/groups 2>/dev/null || continue
  find /tmp/groups -name release_agent
  umount /tmp/groups
done
find /sys/fs/cgroup -name release_agent
grep -c . /sys/fs/cgroup/*/docker/*/cgroup.procs 2>/dev/null
echo sought
"""


def test_a_host_reaches_no_control_group_of_the_machine(fleet: dict[str, dict[str, str]]) -> None:
    assert _ssh("web1", REACH).stdout == "sought\n"
    assert _ssh("web1", "cat /proc/1/cgroup | cut -d: -f3 | sort -u").stdout.splitlines()[0].startswith("/")
    assert "/docker/" not in _ssh("web1", "cat /proc/1/cgroup").stdout


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("systemctl is-system-running", "running\n"),
        ("grep Seccomp: /proc/1/status", "Seccomp:\t2\n"),
        ("mknod /tmp/disk b 8 0 2>&1 | grep -o 'not permitted'", "not permitted\n"),
        ("ls /var/run/docker.sock 2>&1 | grep -o 'No such'", "No such\n"),
        ("mount | grep -c ' /sys/fs/cgroup/[a-z]* .*rw' ", "1\n"),
    ],
)
def test_a_host_has_no_more_than_systemd_needs(fleet: dict[str, dict[str, str]], command: str, answer: str) -> None:
    assert _ssh("web1", command).stdout == answer
