"""The order of hooks and waves in real Ansible; what the hosts answer is played by a stub in place of the action."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.controller.plays import play

HOOKS = ("before_run", "before_wave", "before_host", "after_host", "after_wave", "after_run")
ROOT = Path(__file__).resolve().parents[3]
STUB = """
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults, stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.hooks import to_return
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, read_run

FAILS = "FAILING"


class ActionModule(ControllerAction):
    BYPASS_HOST_LOOP = True

    def work(self, options, task_vars):
        record, step = RunRecord(read_run(options["run"])), options["step"]
        record.note("step", "", good=True, answer={"operation": step})
        bad = bool(RunFaults.of(record.events()).bad)
        if step == "wave" and not bad:
            for host in options["wave"]:
                good = host != FAILS
                answer = {"operation": "activate", "rolled_back": None if good else True}
                record.note("activate", host, good=good, answer=answer)
        if step == "rollback" and bad:
            for host, story in stories(record.events()).items():
                if story.touched:
                    record.note("finalize", host, good=True, answer={"operation": "rollback", "rolled_back": True})
        events = list(record.events())
        return {"changed": False, "stopped": bool(RunFaults.of(events).bad), "to_return": to_return(events)}
"""
PLAY = """
- hosts: web:localhost
  gather_facts: false
  run_once: true
  tasks:
    - sluice.nginx.run_start:
      register: sluice_run
    - ansible.builtin.set_fact:
        sluice_preflight: SAID
      run_once: false
    - ansible.builtin.import_role:
        name: sluice.nginx.rollout
        tasks_from: waves
      vars: {rollout_releases: {}}
    - ansible.builtin.debug:
        msg: after the waves
"""


class Ran(NamedTuple):
    """What a run printed, and what its journal says: hooks and phases with their hosts, failures marked."""

    output: str
    told: list[str]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the collection in which the hosts are played."""
    folder = tmp_path_factory.mktemp("collections")
    made = folder / "ansible_collections/sluice/nginx"
    made.mkdir(parents=True)
    for name in ("plugins", "roles", "meta"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", made)
    return folder


@pytest.fixture
def run(collection: Path, tmp_path: Path) -> Callable[..., Ran]:
    """Run the waves of three hosts with all hooks; some tasks fail on some hosts."""

    def made(failing: str = "", *arguments: str, hooks: Sequence[str] = HOOKS, **tasks: Any) -> Ran:
        stub = collection / "ansible_collections/sluice/nginx/plugins/action/rollout.py"
        stub.write_text(STUB.replace("FAILING", failing), encoding="utf-8")
        for name in hooks:
            task = tasks.get(name) or {"ansible.builtin.meta": "noop"}
            (tmp_path / f"{name}.yml").write_text(json.dumps([task]), encoding="utf-8")
        waves = [
            {"name": "canary", "hosts": ["web1"], "pause": 0},
            {"name": "rest", "hosts": ["web2", "web3"], "pause": 5},
        ]
        said = {"waves": waves, "hooks": {name: str(tmp_path / f"{name}.yml") for name in hooks}}
        here = str(collection)
        variables = {"PYTHONPATH": here, "ANSIBLE_COLLECTIONS_PATH": here}
        played = play(tmp_path, PLAY.replace("SAID", json.dumps(said)), *arguments, **variables)
        told = []
        for event in played.events:
            what = event["answer"].get("hook") or (event["phase"] if event["host"] else event["answer"]["operation"])
            if "begins" not in event["answer"]:
                told.append(" ".join(filter(None, (event["host"], what, "" if event["good"] else "FAILED"))))
        return Ran(played.output, told)

    return made


def _sorted(told: list[str], first: int, last: int) -> list[str]:
    """Hosts end a hook in any order."""
    return [*told[:first], *sorted(told[first:last]), *told[last:]]


def test_hooks_stand_around_hosts_waves_and_the_run(run: Callable[..., Ran]) -> None:
    ran = run()
    canary = ["before_wave", "web1 before_host", "wave", "web1 activate", "web1 after_host", "bake", "after_wave"]
    rest = ["before_wave", "web2 before_host", "web3 before_host", "wave", "web2 activate", "web3 activate"]
    rest += ["web2 after_host", "web3 after_host", "bake", "after_wave", "pause"]
    wanted = ["before_run", *canary, *rest, "after_run", "rollback"]
    told = _sorted(_sorted(ran.told, 9, 11), 14, 16)
    assert told == wanted, ran.output
    assert "after the waves" in ran.output, ran.output


def test_a_host_that_fails_to_switch_is_returned_after_the_rollback_and_nothing_else_is_done(
    run: Callable[..., Ran],
) -> None:
    ran = run("web1")
    assert ran.told == [
        "before_run",
        "before_wave",
        "web1 before_host",
        "wave",
        "web1 activate FAILED",
        "rollback",
        "web1 finalize",
        "web1 after_host",
    ], ran.output
    assert "after the waves" in ran.output, ran.output


@pytest.mark.thorough
def test_hooks_of_hosts_alone_do(run: Callable[..., Ran]) -> None:
    ran = run("web3", hooks=("before_host", "after_host"))
    canary = ["web1 before_host", "wave", "web1 activate", "web1 after_host", "bake"]
    assert ran.told[:5] == canary, ran.output
    assert sorted(ran.told[-2:]) == ["web2 after_host", "web3 after_host"], ran.output
    assert "pause" not in ran.told


def test_a_hook_that_fails_on_one_host_of_a_wave_stops_before_the_switch_and_all_are_returned(
    run: Callable[..., Ran],
) -> None:
    fail = {"name": "Drain", "ansible.builtin.fail": {"msg": "no"}, "when": "inventory_hostname == 'web3'"}
    ran = run(before_host=fail)
    assert _sorted(ran.told[8:], 1, 3)[:3] == ["before_wave", "web2 before_host", "web3 before_host FAILED"]
    assert "web2 activate" not in ran.told
    assert _sorted(ran.told, len(ran.told) - 2, len(ran.told))[-4:] == [
        "rollback",
        "web1 finalize",
        "web2 after_host",
        "web3 after_host",
    ], ran.output


@pytest.mark.thorough
def test_a_hook_of_a_wave_that_fails_rolls_back(run: Callable[..., Ran]) -> None:
    ran = run(after_wave={"name": "Order", "ansible.builtin.fail": {"msg": "no teapot"}})
    assert ran.told[-3:] == ["after_wave FAILED", "rollback", "web1 finalize"], ran.output


def test_a_balancer_that_cannot_be_reached_rolls_back_and_the_play_goes_on(run: Callable[..., Ran]) -> None:
    away = {"ansible.builtin.command": "true", "delegate_to": "lb1", "when": "rollout_wave.name == 'rest'"}
    ran = run(before_host=away)
    failed = ["web2 before_host FAILED", "web3 before_host FAILED"]
    assert [each for each in ran.told if "FAILED" in each][:2] == failed, ran.output
    assert "web2 activate" not in ran.told
    assert "web1 finalize" in ran.told
    assert "after the waves" in ran.output, ran.output


@pytest.mark.parametrize(("hooks", "arguments"), [((), []), (HOOKS, ["--check"])])
def test_without_hooks_and_in_check_mode_the_waves_are_one_task(
    run: Callable[..., Ran], hooks: Sequence[str], arguments: list[str]
) -> None:
    ran = run("", *arguments, hooks=hooks)
    assert [each for each in ran.told if each in ("wave", "bake", "rollback")] == ["wave", "wave"], ran.output
    assert not [each for each in ran.told if "_" in each]
    assert "after the waves" in ran.output, ran.output
