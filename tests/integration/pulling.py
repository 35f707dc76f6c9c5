"""Fleets of which hosts pull: who signs what is published, and what a host makes of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import Fleet

__all__ = ["PullingFleet"]

# Within which the timer looks, ten seconds and a chance of as many, and the host tries what it finds.
_SECONDS = 120.0


class PullingFleet(Fleet):
    """Hosts of which some pull, a folder that is published, and a key that signs it."""

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        self.folder, self.published = folder, folder / "published"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "ada")], check=True)
        (folder / "signers").write_text(f"ada@desk {(folder / 'ada.pub').read_text()}")
        super().__init__(project, play, engine)

    @property
    def fingerprint(self) -> str:
        """Of the key that signs, as a host that joins is told it."""
        listed = ["ssh-keygen", "-lf", str(self.folder / "ada.pub")]
        return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()[1]

    def signed(self, playbook: str, hosts: Sequence[str], **settings: Any) -> Any:
        """Run a playbook for some hosts, to which the key's owner may deploy."""
        given = {"gates_inventory": "edge", "rollout_allowed_signers": str(self.folder / "signers"), **settings}
        return self.play(playbook, "--limit", ",".join(hosts), "-e", json.dumps(given))

    def number(self, name: str) -> int:
        """The number of what is published for a host."""
        return int(json.loads((self.published / "targets" / f"{name}.json").read_text())["statement"]["number"])

    def pulled(self, host: str) -> dict[str, Any]:
        """What the host remembers of what it has pulled."""
        return dict(json.loads(self.sh(host, "cat /var/lib/sluice/pull.json 2>/dev/null || echo '{}'") or "{}"))

    def wait(self, host: str, outcome: str, number: int) -> dict[str, Any]:
        """Return what the host remembers once the timer has led to an outcome of what has this number."""
        until = time.monotonic() + _SECONDS
        known = self.pulled(host)
        while (known.get("outcome"), known.get("number")) != (outcome, number):
            if time.monotonic() > until:
                said = self.sh(host, "journalctl -u sluice-pull | tail -30")
                pytest.fail(f"{host} did not get to {outcome}: {known}\n{said}")
            time.sleep(1)
            known = self.pulled(host)
        return known

    def fails(self, host: str, script: str) -> str:
        """Run a script of the shell that ends with 1, and return what it printed."""
        code, output = self.container(host).exec_run(["sh", "-ec", script])
        assert code == 1, output.decode()
        return str(output.decode())
