"""What a person sees while a run goes on, on a terminal, and what a CI service keeps of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.commands import PLAYBOOK
from tests.integration.fleet import SMALL, WEB
from tests.integration.sandboxes import sandbox
from tests.integration.terminal import Recording, record, screen

pytestmark = pytest.mark.integration

SERVICES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION", "JOB_ID", "AWX_ISOLATED_DATA_DIR")
ONE_SCREEN = 50
BEFORE = ["spec", "parse", "lint", "needs", "syntax", "start", "reload", "smoke"]
GATES = [*BEFORE, "coverage", "behaviour", "renewal", "verify"]
ACTIVATED = r"  {}: activated, \d+ checks hold"
LINES = "server {{ listen 80; server_name word.example; location / {{ return {status} '{word}'; }} }}"


class Fleet:
    """A sandbox of its own, deployed to on a terminal."""

    name = "test-terminal"

    def __init__(self, project: Path) -> None:
        self.project = project

    def deploy(
        self,
        word: str,
        *arguments: str,
        playbook: str = "deploy.yml",
        columns: int = 100,
        status: int = 200,
        **environment: str,
    ) -> Recording:
        lines = [LINES.format(word=word, status=status)]
        checks = [{"get": "http://word.example/", "expect": {"status": 200, "body": word}}]
        settings = {"nginx_http_lines": lines, "nginx_checks": checks, "gates_verify": [], "rollout_bake": 1, **SMALL}
        return self.run(playbook, "-e", json.dumps(settings), *arguments, columns=columns, **environment)

    def run(self, playbook: str, *arguments: str, columns: int = 100, **environment: str) -> Recording:
        clean = {name: value for name, value in os.environ.items() if name not in SERVICES}
        given = {"TERM": "xterm-256color", "SLUICE_SANDBOX": self.name, **environment}
        # Nobody comes again, so no stages are kept ready.
        command = [PLAYBOOK, playbook, "-e", "staging_kept_minutes=0", *arguments]
        return record(command, self.project, {**clean, **given}, columns)


@pytest.fixture(scope="module")
def fleet(project: Path, engine: docker.DockerClient) -> Iterator[Fleet]:
    with sandbox(project, engine, Fleet.name, WEB):
        yield Fleet(project)


def verdicts(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if (found := re.match(r" +(\w+) +(?:pass|FAIL|INCONCLUSIVE|-) +\d", line))]


def test_a_run_of_three_hosts_fits_on_one_screen_and_says_what_runs(fleet: Fleet) -> None:
    run = fleet.deploy("first")
    text = "\n".join(run.lines)
    assert run.code == 0, text
    assert len(run.lines) <= ONE_SCREEN, text
    assert sorted(verdicts(run.lines)) == sorted(GATES)
    for words in ("preflight: 3 hosts can take the release", "  web3: confirmed"):
        assert words in text
    assert re.search(ACTIVATED.format("web1"), text)
    assert "3 hosts switched and confirmed" in text
    assert not [line for line in run.lines if line.startswith(("TASK", "PLAY"))], text
    # A verdict is there long before the run ends, and gates say that they run; nothing of that is left.
    assert run.first("  syntax     pass") < run.shown[-1].at - 2
    drawn = re.findall(r"([^\r\n]*)\x1b\[K\r", run.raw)
    assert any(
        words in line for line in drawn for words in ("starting containers", "making the environment", "behaviour (")
    )
    assert any(re.search(r"activating .* waiting for web", line) for line in drawn)
    assert any("s of bake" in line for line in drawn)
    assert all(len(line) < 100 for line in drawn)
    assert not [line for line in run.lines if "waiting for" in line or "containers ·" in line], text
    assert "\x1b[0;32m" in run.raw, "colours"


def test_a_failed_gate_is_shown_with_its_finding_while_the_others_go_on(fleet: Fleet) -> None:
    run = fleet.deploy("second", status=500, NO_COLOR="1")
    text = "\n".join(run.lines)
    assert run.code == 2, text
    finding = run.first("at        nginx.conf:") if "at        nginx.conf:" in run.raw else run.first("expected  ")
    goes_on = max(run.first(f"  {gate} ") for gate in ("reload", "renewal"))
    assert run.first("smoke      FAIL") <= finding < goes_on, text
    assert "culprit (" in text
    assert "FAILED: 1 of 1 releases did not pass the gates; no host was touched" in text
    assert re.search(r"^gate +verdict +time +what it says$", text, re.MULTILINE), "the table ends the run"
    assert not re.search(r"\x1b\[[0-9;]*m", run.raw), "NO_COLOR"


def test_more_is_shown_with_v(fleet: Fleet) -> None:
    run = fleet.run("playbooks/status.yml", "-v")
    text = "\n".join(run.lines)
    assert run.code == 0, text
    assert "TASK [sluice.nginx.rollout" in text
    assert "PLAY RECAP" in text


def test_a_service_keeps_plain_lines_that_come_when_they_are_known(fleet: Fleet) -> None:
    run = fleet.deploy("third", columns=0, CI="true")
    assert run.code == 0, run.raw
    assert not {"\x1b", "\r"} & set(run.raw)
    assert sorted(verdicts(run.raw.splitlines())) == sorted(GATES)
    assert run.first("  syntax     pass") < run.shown[-1].at - 2, "not kept back until the end"
    assert re.search(ACTIVATED.format("web2"), run.raw)
    assert not [line for line in run.raw.splitlines() if line.startswith(("TASK", "PLAY"))]


def test_ansible_s_own_output_has_the_same_lines(fleet: Fleet) -> None:
    run = fleet.deploy(
        "fourth",
        playbook="playbooks/gate.yml",
        columns=80,
        ANSIBLE_STDOUT_CALLBACK="default",
        ANSIBLE_CALLBACKS_ENABLED="sluice.nginx.forks",
    )
    text = "\n".join(run.lines)
    assert run.code == 0, text
    assert sorted(verdicts(run.lines)) == sorted(GATES)
    assert "TASK [sluice.nginx.gates" in text
    assert re.search(r"[^\r\n]{20,79}\x1b\[K\r", run.raw), "what runs is said as well"
    table = re.search(r"^gate +verdict +time +what it says$", text, re.MULTILINE)
    assert table, "the tables come without the callback that shows them"


def test_the_terminal_of_these_tests_shows_what_terminals_show() -> None:
    assert screen("one\x1b[K\r\x1b[K\r\x1b[0;32mtwo\x1b[0m\r\nthree\r\n") == ["two", "three", ""]
    assert screen("longer\x1b[K\rab") == ["abnger"]
    with pytest.raises(AssertionError):
        screen("\x1b[2J")
