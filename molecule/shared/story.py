"""What the verifiers ask: hosts for their state, and the client that asked them during an incident for what it saw."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testinfra.host import Host

__all__ = ["STATE", "Incident", "changed_since", "fleet", "journal", "live", "name_of", "ports", "state"]

STATE = "/var/lib/sluice"


@dataclass(frozen=True)
class Incident:
    """The last run that was to fail: the name of its file below ``examples/incidents``, its exit code, what it printed,
    when it began, and what the client saw of each host.
    """

    name: str
    code: int
    output: str
    began: float
    hosts: dict[str, dict[str, Any]]

    @classmethod
    def read(cls) -> Incident:
        """Read what ``client.py`` wrote."""
        folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "incident")
        report = json.loads((folder / "report.json").read_text())
        (name,) = (Path(word).stem for word in report["command"] if "/incidents/" in word)
        return cls(name, report["code"], (folder / "output.txt").read_text(), report["began"], report["hosts"])

    def record(self) -> dict[str, Any]:
        """The run's ``run.json``, whose path is the last that it printed."""
        paths = [line.removeprefix("record: ") for line in self.output.splitlines() if line.startswith("record: ")]
        return dict(json.loads(Path(paths[-1]).read_text()))


def name_of(host: Host) -> str:
    """The host's name in the inventory."""
    return str(host.backend.get_hostname())


def fleet() -> dict[str, Any]:
    """The scenario's hosts: of each its container and its ports on 127.0.0.1."""
    path = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".sluice/fleets", os.environ["SLUICE_SANDBOX"], "fleet.json")
    return dict(json.loads(path.read_text()))


def ports(host: Host) -> dict[str, int]:
    """The host's ports on 127.0.0.1."""
    return dict(fleet()[name_of(host)]["ports"])


def state(host: Host) -> dict[str, Any]:
    """The host's ``state.json``."""
    return dict(json.loads(host.check_output(f"cat {STATE}/state.json")))


def journal(host: Host) -> list[dict[str, Any]]:
    """The host's journal, oldest first."""
    return [json.loads(line) for line in host.check_output(f"cat {STATE}/journal.jsonl").splitlines()]


def live(host: Host) -> str:
    """The release that ``/etc/nginx`` leads to."""
    return Path(host.check_output("readlink /etc/nginx")).name


def changed_since(host: Host, moment: float) -> list[str]:
    """What was written since ``moment`` below Sluice's folder and the configuration, and workers that are younger."""
    written = host.check_output(f"find {STATE} /etc/nginx /etc/nginx/ -newerct @{moment:.3f}").split()
    started = host.check_output(
        f"find /proc/[0-9]* -maxdepth 0 -newerct @{moment:.3f} -exec cat '{{}}/comm' ';'"
    ).split()
    return [*written, *(f"a new process {name}" for name in started if name == "nginx")]
