"""The gates as a whole: `ansible-playbook playbooks/gate.yml`, from start to end, with generated inventories."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import table

from . import shapes

__all__ = ["in_table", "whole_runs"]

_PROJECT = Path(__file__).resolve().parents[2]
_SANDBOX = "inventories/sandbox"
_PLATFORM = ["openssh-server", "php-fpm", "systemd-sysv"]
_SECONDS = 3600
# What a run is called, with how many variants and how many servers in each.
_RUNS = {
    "10 servers": (1, 10),
    "1,000 servers": (1, 1_000),
    "1 variant of 2 servers": (1, 2),
    "10 variants of 2 servers": (10, 2),
    "50 variants of 2 servers": (50, 2),
}


def whole_runs() -> dict[str, dict[str, float]]:
    """Run the gates for the sandbox's release, then for every size; tells the seconds of each, and those that the
    controller's processor was busy. Raises ``SluiceError``.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-size-") as folder:
        _run(_SANDBOX)
        found = {"the sandbox's release": _run(_SANDBOX)}
        for name, (variants, servers) in _RUNS.items():
            path = Path(folder, "hosts.json")
            path.write_text(json.dumps(_inventory(variants, servers)))
            found[name] = _run(str(path))
    return found


def _inventory(variants: int, servers: int) -> dict[str, Any]:
    """A host for each variant; nothing but a header of all their answers differs."""
    hosts = {
        f"web{number}": {"nginx_http_lines": [f"add_header X-Variant {number} always;"]} for number in range(variants)
    }
    shared = {"nginx_sites": shapes.typed(servers), "staging_packages": _PLATFORM}
    return {"web": {"hosts": hosts, "vars": shared}}


def _run(inventory: str) -> dict[str, float]:
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory, "playbooks/gate.yml"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    busy, started = _busy(), time.monotonic()
    done = subprocess.run(
        [*command, "-e", "gates_probe=false", "-e", "gates_coverage=0"],
        cwd=_PROJECT,
        env={**os.environ, "PATH": path, "ANSIBLE_CONFIG": str(_PROJECT / "ansible.cfg")},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - started
    # Whether the gates pass is not what is measured; whether they ran is.
    if "gates of release" not in done.stdout:
        raise SluiceError(f"the gates did not run for {inventory}: {(done.stdout + done.stderr)[-2000:]}")
    return {
        "seconds": round(seconds, 2),
        "busy_seconds": round(_busy() - busy, 2),
        "passed": float(not done.returncode),
    }


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_table(runs: Mapping[str, Mapping[str, float]]) -> str:
    """Write the runs for people."""
    rows = [
        [name, f"{each['seconds']:.1f} s", f"{each['busy_seconds']:.1f} s", "yes" if each["passed"] else "no"]
        for name, each in runs.items()
    ]
    return table(["gates", "from start to end", "of it the controller's processor", "passed"], rows)
