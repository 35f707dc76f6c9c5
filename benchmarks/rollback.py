"""Measures how soon what was served before is served again: on one host, and in a fleet of three.

On a host: releases with a check that does not hold are switched to; the engine tells how long it took from the failing
check to the first worker of the release before, and to the proof. In the fleet: a release that one host of the last
wave cannot take; the run's journal tells how long it took from that host's answer until the last host was proved. Takes
about two minutes.

Ends with 0 when the targets are met, with 1 when one is missed, and with 2 when it could not be run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .host import gated_release, host_of, make_host, play, record_of, remove_host
from .releases import Maker

_NAME = "rollback"
_TARGETS_MS = {"first worker": 300, "proof on the host": 1200, "proof in the fleet": 5000}
_PORT = 9145
_HOLDER = f"import socket, time; s = socket.create_server(('127.0.0.1', {_PORT})); time.sleep(86400)"


class Times(NamedTuple):
    """What was measured of one thing, in milliseconds."""

    name: str
    ms: list[int]

    @property
    def met(self) -> bool:
        """Return whether even the longest is within the target."""
        return max(self.ms) <= _TARGETS_MS[self.name]

    def __str__(self) -> str:
        found = f"median {statistics.median(self.ms):.0f} ms, longest {max(self.ms)} ms of {len(self.ms)}"
        return f"{self.name}: {found}, target {_TARGETS_MS[self.name]} ms: {'met' if self.met else 'MISSED'}"


def on_a_host(rounds: int) -> list[Times]:
    """Measure on one host. Raises ``SluiceError``."""
    host = make_host(_NAME)
    maker = Maker(gated_release(_NAME))
    good = maker.make()
    _demand(host.activate(good, "rollback"), ok=True)
    _demand(host.ask("confirm", "rollback", release=good.id), ok=True)
    found: list[dict[str, int]] = []
    for number in range(rounds):
        answer = host.activate(maker.make(demanded="what no release says"), f"rollback-{number}")
        _demand(answer, ok=False)
        if not answer["rolled_back"]:
            raise SluiceError(f"the host was to go back, and did not: {answer}")
        found.append(answer["timings"])
    return [
        Times("first worker", [each["failed_to_worker"] for each in found]),
        Times("proof on the host", [each["failed_to_proof"] for each in found]),
    ]


def in_a_fleet(rounds: int) -> Times:
    """Measure in the fleet. Raises ``SluiceError``."""
    play(_NAME, "playbooks/sandbox.yml")
    play(_NAME, "deploy.yml")
    host_of(_NAME, "web3").leave_running("python3", "-c", _HOLDER)
    return Times("proof in the fleet", [_one_run() for _ in range(rounds)])


def _one_run() -> int:
    incident = "@examples/incidents/one-host-differs.yml"
    record = record_of(play(_NAME, "deploy.yml", "--extra-vars", incident, code=2))
    events: list[dict[str, Any]] = [event for event in record["events"] if event["host"]]
    failed = next(event for event in events if not event["good"])
    ends = [event["at"] for event in events if event["answer"].get("operation") == "rollback" and event["good"]]
    if failed["host"] != "web3" or len(ends) != 3:
        raise SluiceError(f"web3 was to fail and all three hosts to go back; see {record['run']['folder']}")
    return round((_moment(max(ends)) - _moment(failed["at"])).total_seconds() * 1000)


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _demand(answer: dict[str, Any], *, ok: bool) -> None:
    if answer["ok"] is not ok:
        raise SluiceError(f"the engine answered what was not expected: {json.dumps(answer)[:500]}")


def main() -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollback", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="how often on the host; a tenth of it in the fleet")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rollback.json"))
    options = parser.parse_args()
    try:
        measured = [*on_a_host(options.rounds), in_a_fleet(max(1, options.rounds // 10))]
    except (SluiceError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the benchmark could not be run: {error}\n")
        return 2
    finally:
        remove_host(_NAME)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({each.name: each.ms for each in measured}, indent=1) + "\n")
    sys.stdout.write("".join(f"{each}\n" for each in measured))
    return 0 if all(each.met for each in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
