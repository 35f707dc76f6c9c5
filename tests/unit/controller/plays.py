"""A play with a run in real Ansible: on three hosts that are this machine, and one that cannot be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.commands import run_playbook

__all__ = ["Played", "play"]

_INVENTORY = """
web:
  hosts: {web1: , web2: , web3: }
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
lost:
  hosts:
    lb1: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_connection: ssh}
"""


class Played(NamedTuple):
    """What a play printed, and the events of its run's journal."""

    output: str
    events: list[dict[str, Any]]


def play(folder: Path, text: str, *arguments: str, **environment: str) -> Played:
    """Run a play, which starts a run, in ``folder``."""
    files = {"play.yml": text, "hosts.yml": _INVENTORY, "ansible.cfg": "[defaults]\ninventory = hosts.yml\n"}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    settings = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), **environment}
    done = run_playbook(folder, "play.yml", *arguments, environment=settings)
    (journal,) = (folder / ".sluice/runs").glob("*/journal.jsonl")
    return Played(done.output, [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()])
