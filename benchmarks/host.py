"""The host that a benchmark is run on: of the sandbox's kind, its own, and asked through ``docker exec``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore

from .releases import Made

__all__ = ["PROJECT", "Host", "gated_release", "host_of", "make_host", "play", "record_of", "remove_host"]

PROJECT = Path(__file__).resolve().parent.parent
_HOST = "web1"
_HOSTS = f"{_HOST},app1"
_SECONDS = 300


class Host:
    """A web host in a container called ``container``; ``address`` is its own on Docker's bridge."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.address = _docker(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container
        ).strip()

    def sh(self, script: str) -> str:
        """Run a script of the shell on the host. Raises ``SluiceError`` when it fails."""
        return _docker("exec", self.container, "sh", "-c", script)

    def leave_running(self, *command: str) -> None:
        """Run a command on the host that goes on by itself."""
        _docker("exec", "--detach", self.container, *command)

    def ask(self, operation: str, run: str, bundle: bytes = b"", **request: Any) -> dict[str, Any]:
        """Send one request to the engine, and return its answer. Raises ``SluiceError`` when there is none."""
        body = {"op": operation, "run": {"id": run, "who": "benchmark", "from": "here"}, **request}
        done = subprocess.run(
            ["docker", "exec", "--interactive", self.container, "sh", "-c", remote.command()],
            input=remote.payload(body, bundle),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, operation)

    def activate(self, made: Made, run: str) -> dict[str, Any]:
        """Put a pending release."""
        return self.ask("activate", run, made.bundle, **made.request)

    def journal(self) -> list[dict[str, Any]]:
        """Read all that the engine has written down."""
        folder = "/var/lib/sluice"
        text = self.sh(f"cat {folder}/journal.1.jsonl {folder}/journal.jsonl 2>/dev/null || true")
        return [json.loads(line) for line in text.splitlines()]


def make_host(name: str) -> Host:
    """Make a web host and the machine of its upstreams, in a sandbox called ``name``. Raises ``SluiceError``."""
    play(name, "playbooks/sandbox.yml", "--limit", _HOSTS)
    return host_of(name, _HOST)


def host_of(name: str, host: str) -> Host:
    """Find a host of the sandbox called ``name``."""
    fleet = json.loads((PROJECT / ".sluice/fleets" / name / "fleet.json").read_text())
    return Host(fleet[host]["container"])


def remove_host(name: str) -> None:
    """Remove the sandbox called ``name``. Raises ``SluiceError``."""
    play(name, "playbooks/sandbox.yml", "--extra-vars", "sandbox_state=absent")


def gated_release(name: str) -> Release:
    """Take the sandbox's configuration through the gates, and return its release. Raises ``SluiceError``."""
    record = record_of(play(name, "playbooks/gate.yml", "--limit", _HOST))
    return ReleaseStore(PROJECT / ".sluice/releases").get(record["releases"][0]["release"])


def play(name: str, *arguments: str, code: int = 0) -> str:
    """Run a playbook in the sandbox called ``name``, and return what it printed.

    Raises ``SluiceError`` when it does not end with ``code``.
    """
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    environment = {**os.environ, "SLUICE_SANDBOX": name, "ANSIBLE_NOCOLOR": "1"}
    return _run(command, environment, code)


def record_of(output: str) -> dict[str, Any]:
    """Read the record that a run named last. Raises ``SluiceError`` when it named none."""
    found = re.findall(r"^record: (\S+)$", output, re.MULTILINE)
    if not found:
        raise SluiceError("the run named no record; see what the playbook prints")
    return dict(json.loads(Path(found[-1]).read_text()))


def _docker(*arguments: str) -> str:
    return _run(["docker", *arguments], dict(os.environ))


def _run(command: list[str], environment: dict[str, str], code: int = 0) -> str:
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != code:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise SluiceError(f"{' '.join(command[:4])} ended with code {done.returncode}; its last lines:\n{last}")
    return done.stdout
