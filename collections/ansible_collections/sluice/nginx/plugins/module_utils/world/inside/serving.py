"""Starts nginx in its container, and asks it what the contract asks."""

from __future__ import annotations

import http.client
import importlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from .common import CONTROL_PORT, HOME

__all__ = ["checks", "start"]


def _nginx(title: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if command.startswith(f"nginx: {title} process") and "shutting down" not in command:
                found.append(int(folder.name))
    return sorted(found)


def _error_lines(logs: list[str]) -> list[str]:
    """Read nginx's messages; what a FastCGI program says may go over several lines, which are joined."""
    messages: list[str] = []
    for path in logs:
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            if messages and not line[:4].isdigit():
                messages[-1] += " " + line.strip()
            else:
                messages.append(line)
    return messages


def start(plan: dict[str, Any]) -> dict[str, Any]:
    """Start nginx cold and see whether its workers stay."""
    began = time.monotonic()
    done = subprocess.run(["nginx"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    words = done.stdout.decode(errors="replace").strip()
    samples: list[list[int]] = []
    until = time.monotonic() + 0.5
    while done.returncode == 0 and time.monotonic() < until:
        samples.append(_nginx("worker"))
        time.sleep(0.02)
    return {
        "code": done.returncode,
        "words": words,
        "master": _nginx("master"),
        "workers": samples[-1] if samples else [],
        "replaced": len({pid for sample in samples for pid in sample} - set(samples[-1])) if samples else 0,
        "errors": _error_lines(plan["error_logs"]),
        "seconds": round(time.monotonic() - began, 3),
    }


class _Witness:
    """Asks the stand-ins what they saw."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection(self._address, CONTROL_PORT, timeout=5)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def mark(self) -> object:
        """Remember where the record stands."""
        return self._ask("/mark")

    def since(self, mark: object) -> list[dict[str, Any]]:
        """List the requests that the stand-ins saw since then."""
        seen: list[dict[str, Any]] = self._ask(f"/since/{mark}")
        return seen


def checks(plan: dict[str, Any]) -> dict[str, Any]:
    """Run the checks of ``checks.json``, and tell what nginx logged meanwhile."""
    # From shipped.zip, the very code that runs on hosts; it exists in the container only.
    client, model = (importlib.import_module(f"sluice.contract.{name}") for name in ("client", "model"))

    before = len(_error_lines(plan["error_logs"]))
    wanted = [model.from_json(row) for row in json.loads((HOME / "checks.json").read_text(encoding="utf-8"))]
    outcomes = client.run_checks(wanted, witness=_Witness(plan["stand_in"]))
    return {
        "outcomes": [outcome.to_json() for outcome in outcomes],
        "errors": _error_lines(plan["error_logs"])[before:],
    }
