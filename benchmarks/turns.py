"""Is this checkout slower than another one, on a machine whose speed changes from minute to minute?

Runs benchmarks.fleet of each checkout, with hosts of their own, and lets one go on at a time: after each timed run, the
next checkout has its turn. So runs that are compared were seconds apart. Each checkout needs its `make setup`.

    python -m benchmarks.turns [--hosts 10] [--runs 9] [--only sluice_push,sluice_rollback] CHECKOUT CHECKOUT...

Prints for each contestant the median of each checkout, and the median of its runs as a share of the first checkout's in
the same turn.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .reporting import attempt

__all__ = ["Checkout", "compare", "main", "take_turns"]

# The line of a run that was timed, whichever contestant's it is; gates belong to the run after them.
_TIMED, _GATES = "processor here", " gates "


class Checkout:
    """A benchmark that runs only while it has its turn. Its processes are a group, and stand still together."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )
        self._send(signal.SIGSTOP)

    def _send(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def turn(self) -> bool:
        """Let it go on until it has timed a run; returns whether there may be another one. Raises ``SluiceError``."""
        assert self._process.stdout is not None
        self._send(signal.SIGCONT)
        for line in self._process.stdout:
            print(f"{self.name:<12} {line}", end="", flush=True)
            if _TIMED in line and _GATES not in line:
                self._send(signal.SIGSTOP)
                return True
        # 1 is a target that is missed, which is not asked here.
        if self._process.wait() not in (0, 1):
            raise SluiceError(
                f"the benchmark of {self.name} ended with {self._process.returncode}; its output says why"
            )
        return False

    def end(self) -> None:
        """Let it remove its hosts, where it has not ended."""
        if self._process.poll() is None:
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)
            assert self._process.stdout is not None
            self._process.stdout.read()
            self._process.wait()


def take_turns(checkouts: Sequence[Checkout]) -> None:
    """Give each its turn, again and again, until all have ended. Raises ``SluiceError``."""
    going = list(checkouts)
    while going:
        going = [checkout for checkout in going if checkout.turn()]


def compare(name: str, runs: Sequence[Sequence[float]]) -> str:
    """Tell one contestant's seconds in each checkout, and each checkout's runs as a share of the first one's."""
    told = []
    for seconds in runs:
        share = statistics.median(mine / first for mine, first in zip(seconds, runs[0], strict=True))
        told.append(f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), x {share:.3f}")
    return f"{name:<20}" + "   ".join(told)


def _benchmark(checkout: Path, number: int, options: argparse.Namespace, out: Path) -> Checkout:
    python = checkout / ".venv/bin/python"
    if not python.exists():
        raise SluiceError(f"{checkout} has no .venv/bin/python; run `make setup` there")
    command = [str(python), "-m", "benchmarks.fleet", "--hosts", str(options.hosts), "--runs", str(options.runs)]
    command += ["--only", options.only, "--name", f"turns-{number}", "--out", str(out)]
    return Checkout(checkout.name, command, checkout)


def _race(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    outs = [folder / f"{number}.json" for number in range(len(options.checkouts))]
    checkouts: list[Checkout] = []
    try:
        for number, (path, out) in enumerate(zip(options.checkouts, outs, strict=True)):
            checkouts.append(_benchmark(path.resolve(), number, options, out))
        take_turns(checkouts)
    finally:
        for checkout in checkouts:
            checkout.end()
    for path, out in zip(options.checkouts, outs, strict=True):
        if not out.exists():
            raise SluiceError(f"the benchmark of {path} ended without figures; its output says why")
    return [json.loads(out.read_text(encoding="utf-8"))["hosts"][str(options.hosts)] for out in outs]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10, help="number of hosts of each checkout (10)")
    parser.add_argument("--runs", type=int, default=9, help="timed runs of each contestant (9)")
    parser.add_argument("--only", default="sluice_push,sluice_rollback", help="the contestants, as of benchmarks.fleet")
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT")
    return parser.parse_args()


def main() -> int:
    """Run the benchmarks in turn, and print how they compare."""
    options = _arguments()

    def work() -> int:
        with TemporaryDirectory(prefix="sluice-turns-") as folder:
            found = _race(options, Path(folder))
        print("\n" + " " * 20 + "   ".join(path.resolve().name for path in options.checkouts))
        for name in found[0]["runs"]:
            print(compare(name, [each["runs"][name] for each in found]))
        for key in ("controller_cpu_seconds", "host_cpu_seconds"):
            for name in found[0][key]:
                print(f"{key} {name}: " + "   ".join(f"{each[key][name]:.3f}" for each in found))
        return 0

    return attempt("turns", work)


if __name__ == "__main__":
    sys.exit(main())
