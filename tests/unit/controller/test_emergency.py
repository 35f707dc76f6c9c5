"""Whoever starts a run may declare an emergency, on the command line; nothing that a change could bring may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Ended, run_playbook

INVENTORY = "[web]\nweb1 ansible_connection=local\n"
# The fleet is asked nothing, for there is no release; an emergency is read before that.
PLAYBOOK = """
- hosts: web
  gather_facts: false
  {play}
  tasks:
    - sluice.nginx.run_start:
      register: opened
    {before}
    - sluice.nginx.rollout:
        step: preflight
        run: "{{{{ opened }}}}"
        emergency: "{{{{ rollout_emergency | default('') }}}}"
      {task}
"""
WHERE = "and counts from the command line alone"


def run(
    folder: Path,
    *arguments: str,
    play: str = "",
    before: str = "",
    task: str = "",
    playbook: str = PLAYBOOK,
    inventory: str = INVENTORY,
    **environment: str,
) -> Ended:
    (folder / "ansible.cfg").touch()
    (folder / "hosts").write_text(inventory)
    (folder / "play.yml").write_text(playbook.format(play=play, before=before, task=task))
    settings = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "COLUMNS": "1000", **environment}
    done = run_playbook(folder, "-i", "hosts", "play.yml", *arguments, environment=settings, seconds=60)
    return done._replace(output=" ".join(done.output.split()))


@pytest.mark.parametrize(
    "form",
    [
        "words",
        "template of a file",
        *(pytest.param(form, marks=pytest.mark.thorough) for form in ("JSON", "file of YAML", "file of JSON")),
    ],
)
def test_a_reason_on_the_command_line_counts(tmp_path: Path, form: str) -> None:
    (tmp_path / "more.yml").write_text("rollout_emergency: it burns\n")
    (tmp_path / "more.json").write_text(json.dumps({"rollout_emergency": "it burns"}))
    (tmp_path / "ci.yml").write_text("rollout_emergency: \"{{ lookup('ansible.builtin.env', 'EMERGENCY') }}\"\n")
    given = {
        "words": "rollout_emergency='it burns'",
        "JSON": '{"rollout_emergency": "it burns"}',
        "file of YAML": "@more.yml",
        "file of JSON": "@more.json",
        "template of a file": "@ci.yml",
    }[form]
    done = run(tmp_path, "-e", given, EMERGENCY="it burns")
    assert WHERE not in done.output
    assert done.code == 0, done.output


def test_without_a_reason_there_is_no_emergency(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text("rollout_emergency: \"{{ lookup('ansible.builtin.env', 'EMERGENCY') }}\"\n")
    assert run(tmp_path, "-e", "@ci.yml", EMERGENCY="").code == 0
    assert run(tmp_path, before="- ansible.builtin.set_fact: {rollout_emergency: ''}").code == 0


REASON = "rollout_emergency: tidy up"


def test_a_reason_of_all_hosts_in_the_inventory_stops_the_run_with_the_way_to_give_it(tmp_path: Path) -> None:
    path = tmp_path / "group_vars/all.yml"
    path.parent.mkdir()
    path.write_text(f"---\n{REASON}\n")
    done = run(tmp_path)
    assert done.code == 2
    assert f"rollout_emergency: it is set in {path}:2, {WHERE}" in done.output
    assert 'give it by -e rollout_emergency="why"' in done.output


def test_a_reason_from_elsewhere_is_refused_by_its_place(tmp_path: Path) -> None:
    """One run with a play for each place, since Ansible itself takes most of the time."""
    ways = {
        "group_vars/shops.yml": {},
        "host_vars/web1.yml": {},
        "play": {"play": "vars: {rollout_emergency: tidy up}"},
        "vars_files": {"play": "vars_files: [more.yml]"},
        "set_fact": {"before": "- ansible.builtin.set_fact: {rollout_emergency: tidy up}"},
        "include_vars": {"before": "- ansible.builtin.include_vars: more.yml"},
        "task": {"task": "vars: {rollout_emergency: tidy up}"},
        "add_host": {"before": "- ansible.builtin.add_host: {name: web, rollout_emergency: tidy up}"},
        "nowhere": {},
    }
    hosts = {where: f"web{number}" for number, where in enumerate(ways)}
    (tmp_path / "more.yml").write_text(f"{REASON}\n")
    for where in ways:
        if "/" in where:
            (tmp_path / where).parent.mkdir()
            (tmp_path / where).write_text(f"---\n{REASON}\n")
    one = PLAYBOOK.replace("      {task}", "      ignore_errors: true\n      {task}")
    plays = []
    for where, more in ways.items():
        plays.append(one.format(**{"play": "", "before": "", "task": "", **more}).replace("web", hosts[where]))
    inventory = "[web]\nweb[0:8] ansible_connection=local\n[shops]\nweb0\n"
    done = run(tmp_path, playbook="".join(plays).replace("{", "{{").replace("}", "}}"), inventory=inventory)
    assert done.code == 0, done.output
    said = dict(zip(ways, done.output.split("PLAY [")[1:], strict=True))
    assert [where for where, words in said.items() if WHERE not in words] == ["nowhere"], done.output
    for where in ("group_vars/shops.yml", "host_vars/web1.yml"):
        assert f"rollout_emergency: it is set in {tmp_path / where}:2, {WHERE}" in said[where]


@pytest.mark.parametrize("said", ["", "it burns"])
def test_a_reason_beside_that_of_the_command_line_is_refused(tmp_path: Path, said: str) -> None:
    playbook = PLAYBOOK.replace("{{{{ rollout_emergency | default('') }}}}", "{{{{ gates_emergency }}}}")
    path = tmp_path / "group_vars/web.yml"
    path.parent.mkdir()
    path.write_text("gates_emergency: tidy up\n")
    done = run(tmp_path, "-e", f"rollout_emergency='{said}'", playbook=playbook)
    assert done.code == 2, done.output
    assert WHERE in done.output


def test_extra_variables_of_another_name_lend_a_reason_no_weight(tmp_path: Path) -> None:
    path = tmp_path / "group_vars/web.yml"
    path.parent.mkdir()
    path.write_text('rollout_emergency: "{{ ticket }}"\n')
    done = run(tmp_path, "-e", "ticket=OPS-1")
    assert done.code == 2
    assert WHERE in done.output
