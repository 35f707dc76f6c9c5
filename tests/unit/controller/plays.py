"""A play with a run in real Ansible: on three hosts that are this machine, and one that cannot be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

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
    own = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "play.yml", *arguments],
        cwd=folder,
        env={**os.environ, **own, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    (journal,) = (folder / ".sluice/runs").glob("*/journal.jsonl")
    return Played(done.stdout, [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()])
