"""Playbooks can be read by Ansible, with each inventory that comes with the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ["deploy.yml", *sorted(f"playbooks/{path.name}" for path in (PROJECT / "playbooks").glob("*.yml"))]


@pytest.mark.parametrize("inventory", sorted(path.name for path in (PROJECT / "inventories").iterdir()))
def test_playbooks_have_no_fault_of_syntax(inventory: str) -> None:
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "--syntax-check",
        "-i",
        f"inventories/{inventory}",
    ]
    done = subprocess.run([*command, *PLAYBOOKS], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("playbook: ")] == [
        f"playbook: {name}" for name in PLAYBOOKS
    ]


def test_the_playbooks_of_the_design_are_there() -> None:
    names = {"gate", "push", "settle", "rollback", "status", "sandbox"}
    assert {f"playbooks/{name}.yml" for name in names} <= set(PLAYBOOKS)
