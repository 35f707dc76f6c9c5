"""Measures the search for the culprit lines: 50 edits, of which one is the culprit, or two that are the culprits only
together.

Each change is taken through the gates as a run does, on real stages. The culprit lines are in another file than the
location that answers, so no finding names them. It tells the median, the longest, and how many trials it took.

Ends with 1 when a search named other lines or took longer than it may, and with 2 when it could not be run.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import docker

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import Culprits
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions

from .stages import sandbox_platform, stage_settings

__all__ = ["EDITS", "change", "search"]

EDITS = 50
_LONGEST = {1: 30.0, 2: 60.0}
_MAIN = b"""user www-data;
events {
    worker_connections 64;
}
http {
    access_log off;
    include /etc/nginx/conf.d/*.conf;
}
"""


def change(culprit: Collection[int], servers: int = 0) -> tuple[trees.Tree, trees.Tree, list[dict[str, Any]]]:
    """A live tree, one with 50 separate edits, and a contract that fails when all ``culprit`` edits are taken over.

    Each edit changes a line of a map of its own, which says nothing of the location that is asked. ``servers`` more are
    there, and stay as they are.
    """
    texts = []
    for edited in (False, True):
        maps = [
            f"map $uri $part{number} {{\n    default {_value(number, culprit, edited=edited)};\n}}\n"
            for number in range(EDITS)
        ]
        names = "".join(f"$part{number}" for number in sorted(culprit))
        wanted = "x" * len(culprit)
        asked = f'map "{names}" $failed {{\n    default 0;\n    {wanted} 1;\n}}\n'
        site = (
            "server {\n    listen 80;\n    server_name shop.example;\n"
            "    location / {\n        if ($failed) {\n            return 500;\n        }\n"
            "        return 200 fine;\n    }\n}\n"
        )
        texts.append({"nginx.conf": _MAIN, "conf.d/maps.conf": "\n".join([*maps, asked]).encode()})
        texts[-1]["conf.d/site.conf"] = site.encode()
        for number in range(servers):
            more = f"server {{\n    listen 80;\n    server_name s{number}.example;\n    return 204;\n}}\n"
            texts[-1][f"conf.d/more{number}.conf"] = more.encode()
    live, candidate = ({path: trees.file(data, f"files/{path}") for path, data in each.items()} for each in texts)
    checks = [{"get": "http://shop.example/", "expect": {"status": 200, "body": "fine"}}]
    contract = [dict(to_json(check)) for check in parse_contract(checks, "nginx_checks")]
    return trees.overlay(live), trees.overlay(candidate), contract


def _value(number: int, culprit: Collection[int], *, edited: bool) -> str:
    if not edited:
        return "o"
    return "x" if number in culprit else f"n{number}"


def search(
    client: docker.DockerClient,
    settings: StageSettings,
    folder: Path,
    culprit: Collection[int],
    seconds: float = 600,
    servers: int = 0,
) -> Culprits:
    """Take the change through the gates that its fault passes and meets. Raises ``SluiceError`` when no culprit is
    found.
    """
    before, after, contract = change(culprit, servers)
    live = ReleaseStore(folder / "live").add(before, contract, [], {})
    release = ReleaseStore(folder / "releases").add(after, contract, [], {})
    gates = [gate for gate in find_gates() if gate.name in ("spec", "parse", "syntax", "start", "smoke")]
    examiner = Examiner(client, gates, GateOptions(), settings, (), "culprits", culprit_seconds=seconds)
    (examined,) = examiner.examine([Candidate(("web1",), release, live=live)])
    if examined.culprits is None:
        raise SluiceError(f"no culprit was found: {[(each.gate, each.summary) for each in examined.verdicts]}")
    return examined.culprits


def _lines(culprit: Collection[int]) -> list[int]:
    return sorted(number * 4 + 2 for number in culprit)


def _measure(client: docker.DockerClient, settings: StageSettings, rounds: int, servers: int) -> bool:
    chance = random.Random(14)
    good = True
    for size, longest in _LONGEST.items():
        told: list[Culprits] = []
        for _ in range(rounds):
            culprit = chance.sample(range(EDITS), size)
            with tempfile.TemporaryDirectory() as folder:
                culprits = search(client, settings, Path(folder), culprit, servers=servers)
            found = sorted(place.line for each in culprits.groups for place in each.places)
            right = found == _lines(culprit) and len(culprits.groups) == 1 and culprits.whole
            good = good and right and culprits.seconds < longest
            told.append(culprits)
            if not right:
                sys.stdout.write(f"named lines {found} and not {_lines(culprit)}: {culprits.note}\n")
        sys.stdout.write(_summary(size, told, longest))
        sys.stdout.flush()
    return good


def _summary(size: int, told: Sequence[Culprits], longest: float) -> str:
    seconds = sorted(each.seconds for each in told)
    trials = sorted(each.tried for each in told)
    return (
        f"{size} culprit of {EDITS}: median {statistics.median(seconds):.1f} s, longest {seconds[-1]:.1f} s "
        f"(may take {longest:.0f} s), {statistics.median(trials):g} trials\n"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.culprit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--servers", type=int, default=0, help="how many servers are there beside, unchanged")
    options = parser.parse_args()
    try:
        client = connect()
        settings = stage_settings(sandbox_platform(client))
        return 0 if _measure(client, settings, options.rounds, options.servers) else 1
    except (SluiceError, OSError) as error:
        sys.stderr.write(f"the benchmark could not be run: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
