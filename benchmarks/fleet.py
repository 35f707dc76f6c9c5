"""How long does it take to bring one changed file of ten to a fleet, beside bare SSH, pyinfra and a plain playbook?

Makes hosts in containers, and lets the contestants race on them in turn, each on kept SSH connections where it can use
them; every run is asked of every host afterwards. Before the timed runs each contestant has one whose memory is
sampled. --quick takes 2 hosts.

    python -m benchmarks.fleet [--hosts 1,10,40,100] [--runs 5] [--only sluice_push,bare_ssh] [--quick]

Ends with 0 when the targets are met that could be judged, with 1 when one is missed, and with 2 when a contestant
failed. What is quick is not judged.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from .host import PROJECT
from .racing import pyinfra
from .racing.contestants import ALL, COLD, FLOOR, Race
from .racing.ground import ground, platform_of_hosts
from .racing.hosts import PLAIN_TREES, Hosts
from .racing.measuring import Cost, phases
from .racing.plot import plot
from .racing.results import Size, document, figures, lines, targets
from .racing.room import Room, wait_for_version
from .reporting import attempt, fill, judge

__all__ = ["Benchmark", "main", "times"]

_DOCS = PROJECT / "docs"
_SIZES, _QUICK_SIZES = (1, 10, 40, 100), (2,)
# A plain playbook takes ten minutes for 100 hosts.
_MOST_PLAIN = 40


def times(name: str, hosts: int, runs: int, *, quick: bool) -> int:
    """How often a contestant runs. A plain playbook takes minutes for many hosts: it runs less often, or not at all."""
    if name != "plain_ansible":
        return runs
    if quick:
        return 1 if hosts <= max(_QUICK_SIZES) else 0
    return runs if hosts == 1 else 2 if hosts <= 10 else 1 if hosts <= _MOST_PLAIN else 0


class Benchmark:
    """Hosts, what is known of them, and the rounds on them."""

    def __init__(self, room: Room, hosts: Hosts, names: Sequence[str], pyinfra_command: Path | None) -> None:
        self._room, self._hosts, self._names, self._pyinfra = room, hosts, names, pyinfra_command
        self._versions = itertools.count()
        self._live = self._before = 0

    def begin(self) -> None:
        """Bring the first version to all hosts, unmeasured: each contestant changes one file of ten from then on.

        With Sluice it is its first push, which adopts what each host has, and brings the engine there.
        """
        race = Race(self._room, self._hosts, len(self._hosts.names), self._pyinfra)
        if any(each.startswith("sluice_") for each in self._names):
            self.push(len(race.names))
        version = self._new_version()
        for tree in PLAIN_TREES:
            with self._hosts.own_tree(race.names, tree):
                race.run(FLOOR, version)

    def push(self, count: int) -> None:
        """Bring a new version to ``count`` hosts, with Sluice and unmeasured. Raises ``SluiceError``."""
        version = self._new_version()
        race = Race(self._room, self._hosts, count, self._pyinfra)
        race.gate(version)
        race.run("sluice_push", version)
        self._served(race, version, at_once=True)

    def size(self, count: int, runs: int, *, quick: bool) -> Size:
        """Let all contestants race on ``count`` hosts, round after round. Raises ``SluiceError``."""
        race = Race(self._room, self._hosts, count, self._pyinfra)
        size = Size(count)
        for number in range(0 if not quick else 1, runs + 1):
            for name in self._names:
                due = times(name, count, runs, quick=quick)
                # What takes so long that it runs but once is not rehearsed: its memory is not known then.
                if number <= due and (number or due > 1 or runs == 1):
                    self._run(race, size, name, rehearsal=number == 0)
        return size

    def _run(self, race: Race, size: Size, name: str, *, rehearsal: bool) -> None:
        tree = "bare_ssh" if name == COLD else name
        if tree in PLAIN_TREES:
            version = self._new_version()
            with self._hosts.own_tree(race.names, tree):
                self._timed(race, size, name, version, rehearsal=rehearsal)
                self._served(race, version, at_once=False)
            return
        if name == "sluice_push":
            version = self._new_version()
            cost = race.gate(version)
            print(f"{size.hosts:4} hosts  gates                     {_said(cost)}", flush=True)
            if not rehearsal:
                size.gates.append(cost.seconds)
            self._before, self._live = self._live, version
        elif name == "sluice_rollback":
            self._live = self._before
        self._timed(race, size, name, self._live, rehearsal=rehearsal)
        self._served(race, self._live, at_once=True)

    def _timed(self, race: Race, size: Size, name: str, version: int, *, rehearsal: bool) -> None:
        self._hosts.warm(race.names)
        began = datetime.now(UTC)
        spent = self._hosts.processor(race.names)
        cost = race.run(name, version, sampled=rehearsal)
        if spent is not None:
            cost = replace(cost, hosts=(self._hosts.processor(race.names) or spent) - spent)
        watched = race.names[0]
        started = [moment for moment in self._hosts.sessions(watched) if moment >= began]
        told = race.journal(watched) if name.startswith("sluice_") else [(now(), "")]
        size.executions[name] = phases(started, told)
        print(f"{size.hosts:4} hosts  {name:<26}{_said(cost)}{'  (rehearsal)' if rehearsal else ''}", flush=True)
        if rehearsal:
            size.rehearsed[name] = cost
        else:
            size.costs.setdefault(name, []).append(cost)

    def _served(self, race: Race, version: int, *, at_once: bool) -> None:
        wait_for_version([self._hosts.addresses[name] for name in race.names], version, at_once=at_once)

    def _new_version(self) -> int:
        version = next(self._versions)
        self._room.add_version(version)
        return version


def _said(cost: Cost) -> str:
    hosts = "" if cost.hosts is None else f", on all hosts {cost.hosts:6.2f} s"
    together = "" if cost.together is None else f"  {cost.together:4.0f} MiB"
    return f"{cost.seconds:7.2f} s  processor here {cost.cpu:6.2f} s{hosts}{together}"


def _machine(found: PlatformImage) -> dict[str, Any]:
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30), 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible_core": importlib.metadata.version("ansible-core"),
        "pyinfra": pyinfra.VERSION,
        "docker": connect().version()["Version"],
        "ssh": ssh.partition(",")[0],
        "hosts": f"{found.name}, nginx {found.nginx_version}",
    }


def race(names: Sequence[str], hosts: Sequence[int], runs: int, name: str, *, quick: bool) -> list[Size]:
    """Make the hosts, race on them, and remove them, whatever happens. Raises ``SluiceError``."""
    command = pyinfra.ensure_pyinfra(PROJECT / ".sluice") if "pyinfra" in names else None
    sizes: list[Size] = []
    with ground(name, max(hosts)) as (room, made):
        benchmark = Benchmark(room, made, names, command)
        benchmark.begin()
        for count in hosts:
            sizes.append(benchmark.size(count, runs, quick=quick))
            print("\n".join(["", f"{count} hosts", *lines(sizes[-1]), ""]), flush=True)
    return sizes


def _write(sizes: Sequence[Size], out: Path, *, quick: bool, document_it: bool) -> None:
    """Write the figures for programs, and where it was the whole benchmark, the tables and the plot."""
    found = {"at": now(), "quick": quick, "machine": _machine(platform_of_hosts())}
    found |= {"targets": [target._asdict() for target in targets(sizes)], "hosts": figures(sizes)}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if document_it:
        (_DOCS / "fleet.svg").write_text(plot(sizes), encoding="utf-8")
        fill(_DOCS / "performance.md", "fleet", document(sizes, targets(sizes)))


def _numbers(text: str) -> list[int]:
    found = sorted({int(each) for each in text.split(",")})
    if found[0] < 1:
        raise ValueError
    return found


def _names(text: str) -> list[str]:
    wanted = set(text.split(","))
    if not wanted <= set(ALL):
        raise argparse.ArgumentTypeError(f"there are {', '.join(ALL)}")
    if "sluice_rollback" in wanted:
        # There is nothing to roll back otherwise.
        wanted.add("sluice_push")
    return [name for name in ALL if name in wanted]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=_numbers, metavar="N,…", help="numbers of hosts (1,10,40,100)")
    parser.add_argument("--runs", type=int, help="timed runs of each (5)")
    parser.add_argument("--only", type=_names, default=list(ALL), metavar="NAME,…", help=", ".join(ALL))
    parser.add_argument("--quick", action="store_true", help="2 hosts, one run; nothing is judged")
    parser.add_argument("--name", default="fleet-benchmark", help="of the hosts' network and of the folder")
    parser.add_argument("--out", type=Path, help="where the figures are written to, as JSON")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark, print what was measured, and write it down."""
    options = _arguments()
    whole = not options.quick and not options.hosts and options.only == list(ALL)
    hosts = options.hosts or (_QUICK_SIZES if options.quick else _SIZES)
    runs = options.runs or (1 if options.quick else 5)
    out = options.out or PROJECT / ("benchmarks/results/fleet.json" if whole else ".sluice/fleet-some.json")

    def work() -> int:
        sizes = race(options.only, hosts, runs, options.name, quick=options.quick)
        _write(sizes, out, quick=options.quick, document_it=whole)
        return judge([] if options.quick else targets(sizes))

    return attempt("fleet", work)


if __name__ == "__main__":
    sys.exit(main())
