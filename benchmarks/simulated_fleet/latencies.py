"""How long hosts take to answer: measured on hosts of the sandbox's kind, and drawn for simulated ones.

    python -m benchmarks.simulated_fleet.latencies [--hosts 4] [--rounds 30]

makes hosts in containers, asks the real engine of each over a kept SSH connection, one host after the other, through
whole roll-outs, and writes every time to ``latencies.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from ..racing.ground import ground
from ..racing.hosts import Hosts
from ..reporting import end_politely
from .releases import made_release

__all__ = ["MEASURED", "Latencies"]

MEASURED = Path(__file__).with_name("latencies.json")
_SECONDS = 60
_SYSTEM = ". /etc/os-release && echo $ID $VERSION_ID"


class Latencies:
    """Draws a time for each answer from those that were measured; the same host and number draw the same time."""

    def __init__(self, measured: Mapping[str, Sequence[float]]) -> None:
        self._measured = {operation: tuple(seconds) for operation, seconds in measured.items()}

    @classmethod
    def read(cls, path: Path = MEASURED) -> Latencies:
        """Read what was measured."""
        return cls(json.loads(path.read_text(encoding="utf-8"))["seconds"])

    def draw(self, host: str, number: int, operation: str) -> float:
        """Return for how many seconds a host thinks about its question of that number. Raises ``SluiceError`` for an
        operation that was not measured.
        """
        if operation not in self._measured:
            raise SluiceError(f"how long {operation} takes was not measured; add it to {__name__}, and measure again")
        return random.Random(f"{host} {number}").choice(self._measured[operation])

    def medians(self) -> dict[str, float]:
        """Return the median of each operation, in seconds."""
        return {operation: round(statistics.median(seconds), 4) for operation, seconds in self._measured.items()}


class _Asker:
    """Asks the engine of one host, over the connection that is kept to it, and notes how long each answer took."""

    def __init__(self, hosts: Hosts, name: str, seconds: dict[str, list[float]]) -> None:
        self._command = ["ssh", "-F", str(hosts.config), name, remote.command()]
        self._seconds = seconds

    def ask(self, question: Question) -> dict[str, Any]:
        """Return the answer. Raises ``SluiceError`` for one that is not good."""
        operation = question.request["op"]
        try:
            answer = self._timed(operation, question.payload)
        except remote.EngineMissing:
            answer = self._said(operation, question.first_payload)
        if not answer["ok"]:
            raise SluiceError(f"{operation}: {answer['problems']}")
        return answer

    def _timed(self, operation: str, payload: bytes) -> dict[str, Any]:
        began = time.monotonic()
        answer = self._said(operation, payload)
        self._seconds.setdefault(operation, []).append(round(time.monotonic() - began, 4))
        return answer

    def _said(self, operation: str, payload: bytes) -> dict[str, Any]:
        done = subprocess.run(self._command, input=payload, capture_output=True, timeout=_SECONDS, check=False)
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, operation)


def _round(asker: _Asker, name: str, release: Release, *, confirmed: bool) -> None:
    """Take a host through a roll-out without a bake, as the action asks it."""
    run, terms = visitor(name), RolloutOptions(drift="adopt")
    found = asker.ask(build("preflight", run, release.id, release, terms))
    has = bool(found["has_release"])
    asker.ask(build("activate", run, release.id, release, terms, has_release=has))
    asker.ask(build("bake", run, release.id, None, terms))
    if confirmed:
        asker.ask(build("confirm", run, release.id, None, terms))
    else:
        asker.ask(build("rollback", run, "", None, terms))


def _measure(hosts: int, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    with ground("latencies-benchmark", hosts) as (_, made), tempfile.TemporaryDirectory() as folder:
        first = made.names[0]
        command = ["ssh", "-F", str(made.config), first, _SYSTEM]
        system = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout.strip()
        releases = [made_release(Path(folder), version, system) for version in range(rounds + 1)]
        for name in made.names:
            # The first push adopts what the host has, and brings the engine there: it is no figure of a later one.
            _round(_Asker(made, name, {}), "20260101T000000Z-ffff", releases[0], confirmed=True)
        for number in range(1, rounds + 1):
            for name in made.names:
                run = f"20260101T000000Z-{number:04x}"
                _round(_Asker(made, name, seconds), run, releases[number], confirmed=bool(number % 3))
            print(f"round {number} of {rounds}", flush=True)
    return seconds


def main() -> int:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    end_politely()
    try:
        seconds = _measure(options.hosts, options.rounds)
    except (SluiceError, subprocess.SubprocessError) as error:
        print(f"latencies: {error}", file=sys.stderr)
        return 2
    how = (
        f"{options.hosts} containers with nginx, sshd and Python; the engine asked over a kept SSH connection, one "
        f"host after the other, {options.rounds} roll-outs each without a bake, of one changed file of ten, ten checks"
    )
    found = {"at": now(), "how": how, "cores": os.cpu_count(), "load": round(os.getloadavg()[1], 1)}
    MEASURED.write_text(json.dumps({**found, "seconds": seconds}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(Latencies(seconds).medians()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
