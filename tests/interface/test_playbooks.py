"""Playbooks can be read by Ansible, with each inventory that comes with the project."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.commands import PLAYBOOK

PROJECT = Path(__file__).resolve().parents[2]
NAMES = sorted(f"sluice.nginx.{path.stem}" for path in (PROJECT / "playbooks").glob("*.yml"))
PLAYBOOKS = ["deploy.yml", *sorted(f"playbooks/{path.name}" for path in (PROJECT / "playbooks").glob("*.yml"))]


@pytest.mark.parametrize("inventory", sorted(path.name for path in (PROJECT / "inventories").iterdir()))
def test_playbooks_have_no_fault_of_syntax(inventory: str) -> None:
    command = [PLAYBOOK, "--syntax-check", "-i", f"inventories/{inventory}"]
    done = subprocess.run([*command, *PLAYBOOKS], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("playbook: ")] == [
        f"playbook: {name}" for name in PLAYBOOKS
    ]


def test_each_playbook_has_a_name_that_works_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").touch()
    command = [PLAYBOOK, "--syntax-check", "-i", "web1,", *NAMES]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("playbook: ")]
    assert [Path(line).stem for line in shown] == [name.rpartition(".")[2] for name in NAMES]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_play_on_web_hosts_is_on_those_of_the_named_group(playbook: str) -> None:
    """Ansible chooses the hosts of a play before it reads variables of an inventory, so each play has to say it."""
    plays = yaml.safe_load((PROJECT / playbook).read_text(encoding="utf-8"))
    hosts = [play["hosts"] for play in plays if "hosts" in play]
    assert [
        each for each in hosts if re.search(r"\bweb\b", each.replace("{{ sluice_group | default('web') }}", ""))
    ] == []


def test_the_playbooks_of_the_design_are_there() -> None:
    names = {"deploy", "gate", "push", "finalize", "rollback", "status", "sandbox"}
    assert {f"playbooks/{name}.yml" for name in names} <= set(PLAYBOOKS)


def test_names_of_plays_and_tasks_begin_with_what_is_done() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.yml"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout
    stories = re.compile(
        r"^ *-? *name: \"?((?:The|A|An|This|That|Those|What|Who|Where|Every|All|It|No|Some) .*)", re.MULTILINE
    )
    found = [
        f"{name}: {match[1]}"
        for name in listed.splitlines()
        if name.startswith(("roles/", "playbooks/", "molecule/", "examples/", "deploy.yml"))
        for match in stories.finditer((PROJECT / name).read_text(encoding="utf-8"))
    ]
    assert found == [], "a name is imperative: Activate release on wave"
