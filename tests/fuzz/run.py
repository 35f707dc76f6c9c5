"""Runs fuzzers for as long as you like: each for some seconds, as many side by side as there are cores.

    python -m tests.fuzz.run [--seconds 1800] [TARGET...]     all of them, or some
    python -m tests.fuzz.run TARGET --again FILE              one input once more

A fault does not end a run: each kind of it is kept once, as a seed, and told at the end. With atheris the inputs are
led by which lines of the readers they reach; without it, Hypothesis draws them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .harness import SEEDS, Fault, Target, find_targets, judge, keep, seeds, told

_HALF_AN_HOUR = 1800.0
# Longer inputs are rarely better, and slower.
_LONGEST = 8192
# So many inputs of Hypothesis's are what atheris begins with: from nothing it reaches nothing.
_FIRST = 300
_LIBRARY = "ansible_collections.sluice.nginx.plugins.module_utils"


class _Faults:
    """Keeps one input for each place at which one was found."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._known: set[tuple[str, str]] = set()
        self.tried = 0
        self.first: list[bytes] = []

    def give(self, data: bytes) -> None:
        """Judge one input."""
        self.tried += 1
        if len(self.first) < _FIRST:
            self.first.append(data)
        fault = judge(self._target, data)
        if fault is not None and self._is_new(fault):
            print(told(fault, keep(self._target, fault, data)), flush=True)

    def _is_new(self, fault: Fault) -> bool:
        kind = (fault.words.partition(":")[0], fault.where)
        new = kind not in self._known
        self._known.add(kind)
        return new

    def end(self) -> int:
        """Return how it went; the status of the process."""
        print(f"{self._target.name}: {self.tried:,} inputs, {len(self._known)} kinds of faults", flush=True)
        return 1 if self._known else 0


def _by_hypothesis(target: Target, faults: _Faults, seconds: float) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    until = time.monotonic() + seconds

    @settings(
        max_examples=2000,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def once(data: bytes) -> None:
        if time.monotonic() < until:
            faults.give(data)

    while time.monotonic() < until:
        once()


def _by_atheris(target: Target, faults: _Faults, seconds: float) -> None:
    """Fuzz in a process that libFuzzer ends itself, so what was found is told before that."""
    import atheris

    until = time.monotonic() + seconds

    def one(data: bytes) -> None:
        if time.monotonic() > until:
            status = faults.end()
            sys.stdout.flush()
            os._exit(status)
        faults.give(data)

    with tempfile.TemporaryDirectory(prefix="sluice-corpus-") as grown:
        for number, data in enumerate(faults.first):
            Path(grown, str(number)).write_bytes(data)
        options = [f"-max_len={_LONGEST}", "-rss_limit_mb=4096", "-timeout=120", "-verbosity=0", "-print_final_stats=0"]
        atheris.Setup([sys.argv[0], *options, grown], one)
        atheris.Fuzz()


def _fuzz(name: str, seconds: float) -> int:
    guided = _guided()
    with guided() if guided else contextlib.nullcontext():
        target = find_targets()[name]
    faults = _Faults(target)
    for _, data in seeds(target):
        faults.give(data)
    if guided is None:
        print(f"{name}: atheris is not installed, so Hypothesis draws all inputs", flush=True)
        _by_hypothesis(target, faults, seconds)
        return faults.end()
    _by_hypothesis(target, faults, seconds / 2)
    _by_atheris(target, faults, seconds / 2)
    return faults.end()


def _guided() -> Callable[[], contextlib.AbstractContextManager[None]] | None:
    """What instruments the readers while they are imported; None without atheris."""
    try:
        import atheris
    except ImportError:
        return None
    return lambda: atheris.instrument_imports(include=[_LIBRARY])


def _again(name: str, path: Path) -> int:
    target = find_targets()[name]
    fault = judge(target, path.read_bytes())
    print(told(fault, path) if fault else f"{name}: {path} does what it should")
    return 1 if fault else 0


def _all(names: list[str], seconds: float) -> int:
    def one(name: str) -> tuple[str, int, str]:
        command = [sys.executable, "-m", "tests.fuzz.run", name, "--seconds", f"{seconds:g}", "--alone"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        print(f"{name} ended with {done.returncode}", flush=True)
        return name, done.returncode, done.stdout[-20_000:]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        ended = list(pool.map(one, names))
    for _, _, output in ended:
        print(output.rstrip())
    bad = [name for name, status, _ in ended if status]
    print(f"{len(names)} fuzzers ran for {seconds:g} s each; {', '.join(bad) or 'none of them'} found something")
    return 1 if bad else 0


def main() -> int:
    """Run what the command line says; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all below tests/fuzz/targets")
    parser.add_argument("--seconds", type=float, default=_HALF_AN_HOUR, help="for each target (default: %(default)g)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="run one input of one target")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = sorted(path.stem for path in (SEEDS.parent / "targets").glob("*.py") if path.stem != "__init__")
    names = options.targets or known
    unknown = sorted({*names} - {*known})
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(known)}")
    if options.again:
        return _again(names[0], options.again)
    return _fuzz(names[0], options.seconds) if options.alone else _all(names, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
