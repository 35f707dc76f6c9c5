"""The tasks of hooks in real Ansible: on which hosts they run, and what the journal has of those that fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.controller.plays import play

PLAY = """
- hosts: web:localhost
  gather_facts: false
  run_once: true
  tasks:
    - sluice.nginx.run_start:
      register: sluice_run
    - ansible.builtin.set_fact:
        sluice_preflight: {hooks: {before_host: HOOK, after_host: AFTER, before_wave: HOOK}}
      run_once: false
    - ansible.builtin.include_role:
        name: sluice.nginx.rollout
        tasks_from: FILE
        rolespec_validate: false
      vars: {rollout_hook: NAME, rollout_hook_hosts: [web1, web2]}
      run_once: false
    - ansible.builtin.debug:
        msg: "stopped is {{ sluice_step.stopped }}"
"""


class Ran(NamedTuple):
    """What a run of hooks printed, and the events of its journal that say how they ended: host, good, what."""

    output: str
    ended: list[tuple[str, bool, str]]
    touched: list[str]


def _run(tmp_path: Path, hook: list[dict[str, Any]], *, once: bool = False) -> Ran:
    for name, tasks in (("hook.yml", hook), ("after.yml", [])):
        (tmp_path / name).write_text(json.dumps(tasks), encoding="utf-8")
    words = {"HOOK": str(tmp_path / "hook.yml"), "AFTER": str(tmp_path / "after.yml")}
    words |= {"FILE": "hook_once", "NAME": "before_wave"} if once else {"FILE": "hook_hosts", "NAME": "before_host"}
    text = PLAY
    for word, value in words.items():
        text = text.replace(word, value)
    played = play(tmp_path, text)
    ended = [
        (event["host"], event["good"], "".join(each["what"] for each in event["answer"]["problems"]))
        for event in played.events
        if "hook" in event["answer"]
    ]
    return Ran(played.output, sorted(ended), sorted(path.name for path in tmp_path.glob("touched-*")))


def _touch(tmp_path: Path) -> dict[str, Any]:
    return {"ansible.builtin.file": {"path": f"{tmp_path}/touched-{{{{ inventory_hostname }}}}", "state": "touch"}}


def test_a_hook_runs_on_the_hosts_of_the_wave(tmp_path: Path) -> None:
    ran = _run(tmp_path, [_touch(tmp_path)])
    assert ran.ended == [("web1", True, ""), ("web2", True, "")], ran.output
    assert ran.touched == ["touched-web1", "touched-web2"]
    assert "stopped is False" in ran.output


def test_a_hook_that_fails_on_a_host_stops_the_run_and_the_others_end_theirs(tmp_path: Path) -> None:
    fail = {"name": "Drain", "ansible.builtin.fail": {"msg": "no such backend"}, "when": "inventory_hostname == 'web2'"}
    ran = _run(tmp_path, [fail, _touch(tmp_path)])
    assert ran.ended == [("web1", True, ""), ("web2", False, "before_host: Drain: no such backend")], ran.output
    assert ran.touched == ["touched-web1"]
    assert "stopped is True" in ran.output


@pytest.mark.parametrize("hosts", [["web2"], pytest.param(["web1", "web2"], marks=pytest.mark.thorough)])
def test_a_balancer_that_cannot_be_reached_stops_the_run(tmp_path: Path, hosts: list[str]) -> None:
    """Ansible leaves the host out then, and runs neither rescue nor anything else for it."""
    drain = {"ansible.builtin.command": "true", "delegate_to": "lb1", "when": f"inventory_hostname in {hosts}"}
    ran = _run(tmp_path, [drain])
    words = "before_host: the hook did not come to its end: a task of it could not reach its host"
    assert ran.ended == [(host, host not in hosts, words if host in hosts else "") for host in ("web1", "web2")]
    assert "stopped is True" in ran.output


def test_a_hook_of_a_wave_runs_once(tmp_path: Path) -> None:
    ran = _run(tmp_path, [_touch(tmp_path)], once=True)
    assert (ran.ended, ran.touched) == ([("", True, "")], ["touched-web1"]), ran.output


def test_a_hook_of_a_wave_that_fails_stops_the_run(tmp_path: Path) -> None:
    ran = _run(tmp_path, [{"name": "Test all", "ansible.builtin.command": "false"}], once=True)
    assert ran.ended == [("", False, "before_wave: Test all: non-zero return code")], ran.output
    assert "stopped is True" in ran.output
