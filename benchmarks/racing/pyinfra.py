"""pyinfra, from the package index, in a virtual environment of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["VERSION", "ensure_pyinfra"]

VERSION = "3.10.0"
_SECONDS = 600


def ensure_pyinfra(folder: Path) -> Path:
    """Find pyinfra below ``folder``, or install it there; tells the path of its command. Raises ``SluiceError``."""
    place = folder / f"pyinfra-{VERSION}"
    done = place / "complete.json"
    if not done.exists():
        print(f"installing pyinfra {VERSION}", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        # This environment's pip can install there; one more would take as long as pyinfra itself.
        _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
        pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "--quiet"]
        _run([*pip, "--disable-pip-version-check", "install", f"pyinfra=={VERSION}"])
        done.write_text(json.dumps({"pyinfra": VERSION}), encoding="utf-8")
    return place / "bin/pyinfra"


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        last = "\n  ".join(done.stdout.splitlines()[-10:])
        raise SluiceError(f"pyinfra {VERSION} could not be installed:\n  {last}")
