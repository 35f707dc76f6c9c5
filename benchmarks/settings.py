"""What does each setting of ansible.cfg gain? One at a time is changed, for a rollback of a fleet and for a run that
has nothing to do; in rounds over all of them, so that whatever else this machine does meets all.

    python -m benchmarks.settings [--hosts 40] [--rounds 3]

Ends with 0, and with 2 when it could not be run: times are for people to judge.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from .fleet import Benchmark
from .host import PROJECT
from .racing.contestants import Race
from .racing.ground import ground
from .reporting import attempt, fill

__all__ = ["SETTINGS", "in_markdown", "main"]

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as in `ansible.cfg`": {},
    "`forks = 5`, as Ansible has it": {"ANSIBLE_FORKS": "5"},
    "`forks = 20`": {"ANSIBLE_FORKS": "20"},
    "`forks = 100`": {"ANSIBLE_FORKS": "100"},
    "`pipelining = false`": {"ANSIBLE_PIPELINING": "false"},
    "new connections for each task": {"ANSIBLE_SSH_ARGS": "-o ControlPath=none"},
}
_TIMED = ("sluice_rollback", "sluice_no_change")

Times = dict[str, dict[str, list[float]]]


def _race(hosts: int, rounds: int) -> Times:
    """Measure seconds, by setting and by what is done. Raises ``SluiceError``."""
    found: Times = {setting: {name: [] for name in _TIMED} for setting in SETTINGS}
    with ground("settings-benchmark", hosts) as (room, made):
        benchmark = Benchmark(room, made, ["sluice_push"], None)
        benchmark.begin()
        benchmark.push(hosts)
        races = {setting: Race(room, made, hosts, None, given) for setting, given in SETTINGS.items()}
        for number in range(rounds):
            for setting, race in races.items():
                # There and back, so that the release which passed last is what the third run has nothing to do for.
                for name in ("sluice_rollback", *_TIMED):
                    made.warm(race.names)
                    seconds = race.run(name, 0).seconds
                    found[setting][name].append(seconds)
                    print(f"round {number + 1}  {setting:<34}{name:<18}{seconds:6.2f} s", flush=True)
    return found


def in_markdown(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The medians as a table."""
    rows = ["| median seconds | rollback | nothing to change |", "| --- | --- | --- |"]
    for setting, times in found.items():
        medians = " | ".join(f"{statistics.median(times[name]):.1f}" for name in _TIMED)
        rows.append(f"| {setting} | {medians} |")
    return "\n".join([*rows, ""])


def _write(found: Times, hosts: int) -> None:
    medians: dict[str, Any] = {
        setting: {name: round(statistics.median(each), 3) for name, each in times.items()}
        for setting, times in found.items()
    }
    out = PROJECT / "benchmarks/results/settings.json"
    out.write_text(json.dumps({"at": now(), "hosts": hosts, "seconds": medians}, indent=1) + "\n", encoding="utf-8")
    fill(PROJECT / "docs/performance.md", "settings", in_markdown(found))


def main() -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    def work() -> int:
        found = _race(options.hosts, options.rounds)
        print(in_markdown(found))
        _write(found, options.hosts)
        return 0

    return attempt("settings", work)


if __name__ == "__main__":
    sys.exit(main())
