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
    **environment: str,
) -> Ended:
    (folder / "ansible.cfg").touch()
    (folder / "hosts").write_text(INVENTORY)
    (folder / "play.yml").write_text(playbook.format(play=play, before=before, task=task))
    settings = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "COLUMNS": "1000", **environment}
    done = run_playbook(folder, "-i", "hosts", "play.yml", *arguments, environment=settings, seconds=60)
    return done._replace(output=" ".join(done.output.split()))


@pytest.mark.parametrize("form", ["words", "JSON", "file of YAML", "file of JSON", "template of a file"])
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


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("group_vars/web.yml", "it is set in {folder}/group_vars/web.yml:2"),
        ("group_vars/all.yml", "it is set in {folder}/group_vars/all.yml:2"),
        ("host_vars/web1.yml", "it is set in {folder}/host_vars/web1.yml:2"),
    ],
)
def test_a_reason_in_the_inventory_is_refused_by_its_place(tmp_path: Path, where: str, words: str) -> None:
    path = tmp_path / where
    path.parent.mkdir()
    path.write_text(f"---\n{REASON}\n")
    done = run(tmp_path)
    assert done.code == 2
    assert f"rollout_emergency: {words.format(folder=tmp_path)}, {WHERE}" in done.output
    assert 'give it by -e rollout_emergency="why"' in done.output


@pytest.mark.parametrize(
    "more",
    [
        {"play": "vars: {rollout_emergency: tidy up}"},
        {"play": "vars_files: [more.yml]"},
        {"before": "- ansible.builtin.set_fact: {rollout_emergency: tidy up}"},
        {"before": "- ansible.builtin.include_vars: more.yml"},
        {"task": "vars: {rollout_emergency: tidy up}"},
        {"before": "- ansible.builtin.add_host: {name: web1, groups: web, rollout_emergency: tidy up}"},
    ],
    ids=lambda more: " ".join(more.values())[:40],
)
def test_a_reason_from_a_playbook_or_a_fact_is_refused(tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "more.yml").write_text(f"{REASON}\n")
    done = run(tmp_path, **more)
    assert done.code == 2, done.output
    assert WHERE in done.output


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
