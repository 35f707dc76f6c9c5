"""Who races: how each brings a version of the files to hosts, or rolls it back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import open_run

from .hosts import Hosts
from .measuring import Cost, measure
from .room import Room

__all__ = ["ALL", "COLD", "FLOOR", "Race"]

FLOOR, COLD = "bare_ssh", "bare_ssh_new_connections"
ALL = (FLOOR, COLD, "pyinfra", "plain_ansible", "sluice_push", "sluice_no_change", "sluice_rollback")


class Race:
    """The contestants on the first ``count`` hosts. ``settings`` are Ansible's, as variables of the environment."""

    def __init__(
        self, room: Room, hosts: Hosts, count: int, pyinfra: Path | None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.names = hosts.names[:count]
        self._room, self._hosts, self._pyinfra = room, hosts, pyinfra
        self._inventory = f"hosts-{count}.json"
        room.add_inventories(self.names, hosts.addresses, hosts.folder)
        # Settings of the one who measures must not count.
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        self._environment["PATH"] = f"{Path(sys.executable).parent}:{self._environment.get('PATH', '')}"
        self._environment["ANSIBLE_NOCOLOR"] = "1"
        self._environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(hosts.sockets)
        self._environment.update(settings or {})

    def gate(self, version: int) -> Cost:
        """Take a version through the gates; it can be pushed then. Raises ``SluiceError``."""
        variables = f"@versions/{version}.json"
        playbook = self._playbook("ansible.cfg", "gate.yml", "-i", self._inventory, "-e", variables)
        return self._measure(f"gates-{version}", playbook)

    def run(self, name: str, version: int, *, sampled: bool = False) -> Cost:
        """Let a contestant bring a version to the hosts; those that bring none do without. Raises ``SluiceError``."""
        options = ""
        if name == COLD:
            options = "-o ControlPath=none"
        if name in (FLOOR, COLD):
            command = ["sh", "all-at-once.sh", str(version), *self.names]
            environment = {"CONFIG": str(self._hosts.config), "OPTIONS": options}
            return self._measure(f"{name}-{version}", command, environment, sampled=sampled)
        command = {
            "pyinfra": self._pyinfra_command,
            "plain_ansible": self._plain_command,
            "sluice_push": self._push_command,
            "sluice_no_change": self._push_command,
            "sluice_rollback": self._rollback_command,
        }[name](version)
        return self._measure(f"{name}-{version}", command, sampled=sampled)

    def journal(self, host: str) -> list[tuple[str, str]]:
        """When each phase of the last run of Sluice ended on a host, and its name."""
        last = max((self._room.folder / ".sluice/runs").iterdir(), key=lambda each: each.stat().st_mtime)
        lines = (last / "journal.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        events = [json.loads(line) for line in lines]
        return [(str(event["at"]), str(event["phase"])) for event in events if event["host"] == host]

    def _pyinfra_command(self, version: int) -> list[str]:
        assert self._pyinfra
        data = ["--data", f"version={version}", "--parallel", str(len(self.names))]
        return [str(self._pyinfra), "-y", "--no-wait", *data, f"hosts_{len(self.names)}.py", "deploy.py"]

    def _plain_command(self, version: int) -> list[str]:
        given = ["-i", self._inventory, "-e", f"version={version}"]
        return self._playbook("plain/ansible.cfg", "plain/playbook.yml", *given)

    def _push_command(self, version: int) -> list[str]:
        """Hand on what the gates passed last, in a run of its own."""
        passed = self._room.read("passed.json")
        handed = {
            "rollout_run": open_run(self._room.folder / ".sluice/runs").to_json(),
            "rollout_releases": passed["releases"],
            "rollout_needs": passed["needs"],
        }
        variables = self._room.write("handed.json", handed)
        return self._sluice("push.yml", "finalize.yml", "-e", f"@{variables}")

    def _rollback_command(self, version: int) -> list[str]:
        return self._sluice("rollback.yml")

    def _sluice(self, *arguments: str) -> list[str]:
        playbooks = self._room.project / "playbooks"
        given = [str(playbooks / each) if each.endswith(".yml") else each for each in arguments]
        return self._playbook("ansible.cfg", *given, "-i", self._inventory)

    def _playbook(self, settings: str, *arguments: str) -> list[str]:
        program = Path(sys.executable).with_name("ansible-playbook")
        return ["env", f"ANSIBLE_CONFIG={self._room.folder / settings}", str(program), *arguments]

    def _measure(
        self, name: str, command: Sequence[str], more: Mapping[str, Any] | None = None, *, sampled: bool = False
    ) -> Cost:
        log = self._room.folder / f"logs/{len(self.names)}-{name}.log"
        return measure(command, self._room.folder, {**self._environment, **(more or {})}, log, sampled=sampled)
