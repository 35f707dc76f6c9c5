"""The tasks of hooks in real Ansible: on which hosts they run, and what the journal has of those that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

INVENTORY = """
web:
  hosts: {web1: , web2: , web3: }
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
lost:
  hosts:
    lb1: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_connection: ssh}
"""
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
    (tmp_path / "hosts.yml").write_text(INVENTORY, encoding="utf-8")
    words = {"HOOK": str(tmp_path / "hook.yml"), "AFTER": str(tmp_path / "after.yml")}
    words |= {"FILE": "hook_once", "NAME": "before_wave"} if once else {"FILE": "hook_hosts", "NAME": "before_host"}
    play = PLAY
    for word, value in words.items():
        play = play.replace(word, value)
    (tmp_path / "play.yml").write_text(play, encoding="utf-8")
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n", encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    (journal,) = (tmp_path / ".sluice/runs").glob("*/journal.jsonl")
    events = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    ended = [
        (event["host"], event["good"], "".join(each["what"] for each in event["answer"]["problems"]))
        for event in events
        if "hook" in event["answer"]
    ]
    return Ran(done.stdout, sorted(ended), sorted(path.name for path in tmp_path.glob("touched-*")))


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


@pytest.mark.parametrize("hosts", [["web2"], ["web1", "web2"]])
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
