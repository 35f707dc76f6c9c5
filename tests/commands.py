"""Commands and playbooks that tests run: nobody can type, and all that is printed is one text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["PLAYBOOK", "PUSH", "Ended", "begin", "begin_playbook", "make_certificate", "run", "run_playbook"]

PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
"""The program of the environment in which the tests run."""
PUSH = """
- hosts: web
  gather_facts: false
  run_once: true
  tasks:
    - sluice.nginx.run_start:
      register: sluice_run
- import_playbook: sluice.nginx.push
- import_playbook: sluice.nginx.finalize
"""
"""A playbook that brings releases to their hosts without the gates, which they have passed before."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Ended(NamedTuple):
    """A command that has ended: its exit code and what it printed."""

    code: int
    output: str


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float = 300) -> Ended:
    """Run a command to its end. Raises ``subprocess.TimeoutExpired`` where that does not come."""
    done = subprocess.run(command, timeout=seconds, check=False, **_unattended(folder, environment))
    return Ended(done.returncode, done.stdout)


def run_playbook(
    folder: Path, *arguments: str, environment: Mapping[str, str] = _NOTHING, seconds: float = 300
) -> Ended:
    """Run ``ansible-playbook`` in a folder to its end, with some of its environment set otherwise."""
    return run([PLAYBOOK, *arguments], folder, _complete(environment), seconds)


def begin_playbook(folder: Path, *arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start ``ansible-playbook`` in a session of its own, and do not wait for its end."""
    return begin([PLAYBOOK, *arguments], folder, _complete(environment))


def begin(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a command in a session of its own, and do not wait for its end."""
    return subprocess.Popen(command, start_new_session=True, **_unattended(folder, environment))


def make_certificate(name: str, certificate: Path, key: Path, address: str = "", days: int = 2) -> None:
    """Make a certificate that signs itself, for a name, and an IP address where one is given."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", str(days), "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    command += ["-addext", f"subjectAltName=IP:{address}"] if address else []
    subprocess.run(command, check=True, capture_output=True)


def _complete(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", **environment}


def _unattended(folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "cwd": folder,
        "env": environment,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }
