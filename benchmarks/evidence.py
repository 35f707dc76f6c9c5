"""How often the evidence of the canary alarms without a fault, and how soon with one, by simulation.

``python -m benchmarks.evidence`` writes benchmarks/results/evidence.json and docs/evidence.svg. One switched host of 50
requests a second bakes for ten minutes beside nine others, and all kinds of bad requests are looked at each second.

Traffic has the shape of real traffic: the rate wanders, the share of bad requests wanders with it on all hosts at once
(an application is slow for half a minute, a bot asks for what fails), and in some stories bad requests come in clumps,
since one visitor repeats what fails on the connection that he has.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.evidence.judging import ALPHAS
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.sequential import Process, dispersion_of
from benchmarks.evidence_report import write

ROOT = Path(__file__).resolve().parents[1]
_RATE, _OTHERS, _SECONDS, _HISTORY = 50.0, 9, 600, 10
# Shares of requests that are bad in usual times, of each kind.
_SHARES = {"5xx": 0.01, "upstream": 0.005, "closed": 0.003, "slow": 0.05}


class Story(NamedTuple):
    """What a bake is like: the size of clumps of bad requests on average, and by how much the release is worse.

    ``part`` is how many of the bakes are played: all of them where it is 1.
    """

    name: str
    clump: float = 1.0
    worse: float = 1.0
    share: float = 0.01
    part: float = 0.1


def _poisson(draw: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    least, number, product = math.exp(-mean), 0, draw.random()
    while product > least:
        number += 1
        product *= draw.random()
    return number


def _bad(draw: random.Random, mean: float, clump: float) -> int:
    """Bad requests of a second; each clump has a geometric size."""
    if clump <= 1:
        return _poisson(draw, mean)
    found = 0
    for _ in range(_poisson(draw, mean / clump)):
        found += 1 + int(math.log(1 - draw.random()) / math.log(1 - 1 / clump))
    return found


def bake(story: Story, seed: int) -> int | None:
    """Play one bake; returns in which second it alarmed."""
    draw = random.Random(seed)
    shares = {**_SHARES, "5xx": story.share, "upstream": story.share / 2}
    level, mood = 1.0, dict.fromkeys(shares, 1.0)
    processes = {}
    for kind, share in shares.items():
        rows = []
        for _ in range(_HISTORY):
            trouble = math.exp(draw.gauss(0, 0.5))
            mean = _RATE * 60 * share * trouble
            rows.append([(int(_RATE * 60), _bad(draw, mean, story.clump)) for _ in range(_OTHERS + 1)])
        processes[kind] = Process(dispersion_of(rows))
    for second in range(1, _SECONDS + 1):
        level = max(0.2, level * math.exp(draw.gauss(0, 0.03)) * 0.98 + 0.02)
        requests = _poisson(draw, _RATE * level)
        others = _poisson(draw, _RATE * level * _OTHERS)
        for kind, share in shares.items():
            # Half a minute of trouble now and then, five times as bad, for all hosts alike.
            if draw.random() < 1 / 30:
                mood[kind] = 5.0 if draw.random() < 0.05 else 1.0
            mean = share * mood[kind]
            worse = story.worse if kind in ("5xx", "upstream") else 1.0
            bad = min(requests, _bad(draw, requests * mean * worse, story.clump))
            others_bad = min(others, _bad(draw, others * mean, story.clump))
            processes[kind].add(bad, requests, others_bad, others)
            if processes[kind].reaches(ALPHAS[kind]):
                return second
    return None


def _many(work: tuple[Story, int, int]) -> list[int | None]:
    story, first, number = work
    return [bake(story, first + each) for each in range(number)]


def _play(story: Story, bakes: int, workers: int) -> dict[str, Any]:
    began = time.monotonic()
    size = max(1, bakes // (workers * 8))
    parts = [(story, first, min(size, bakes - first)) for first in range(0, bakes, size)]
    with ProcessPoolExecutor(workers) as pool:
        seconds = [each for part in pool.map(_many, parts) for each in part]
    found = sorted(each for each in seconds if each is not None)
    row: dict[str, Any] = {**story._asdict(), "bakes": bakes, "alarms": len(found)}
    row["share_of_alarms"] = len(found) / bakes
    if story.worse > 1:
        row["within_60_s"] = sum(each <= 60 for each in found) / bakes
        row["median_s"] = statistics.median(found) if len(found) * 2 > bakes else None
        row["p90_s"] = found[math.ceil(bakes * 0.9) - 1] if len(found) >= bakes * 0.9 else None
    sys.stdout.write(f"{json.dumps(row)}   ({time.monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    # The curve of the picture: how many have alarmed by each ten seconds.
    curve = [sum(each <= at for each in found) / bakes for at in range(0, _SECONDS + 1, 10)]
    return {**row, "curve": curve}


STORIES = (
    Story("no fault", part=1.0),
    Story("no fault, bad requests in clumps of 3", clump=3.0, part=0.2),
    Story("no fault, 0.1 % bad", share=0.001),
    Story("no fault, 5 % bad", share=0.05),
    Story("0.5 % bad become 1 %", worse=2.0, share=0.005),
    Story("1 % bad become 2 %", worse=2.0, share=0.01),
    Story("2 % bad become 4 %", worse=2.0, share=0.02),
    Story("5 % bad become 10 %", worse=2.0, share=0.05),
    Story("1 % bad become 5 %", worse=5.0, share=0.01),
    Story("0.1 % bad become 1 %", worse=10.0, share=0.001),
    Story("2 % bad become 4 %, in clumps of 3", clump=3.0, worse=2.0, share=0.02),
)


def main() -> None:
    """Play all stories, and write what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bakes", type=int, default=10_000, help="of stories that have all; others have a part of them"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="stories with this text in their name; others keep their figures")
    chosen = parser.parse_args()
    path = ROOT / "benchmarks/results/evidence.json"
    known = (
        {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))["stories"]} if path.exists() else {}
    )
    for story in STORIES:
        if chosen.only not in story.name:
            continue
        known[story.name] = _play(story, max(100, round(chosen.bakes * story.part)), chosen.workers)
        rows = [known[each.name] for each in STORIES if each.name in known]
        result = {"rate": _RATE, "others": _OTHERS, "seconds": _SECONDS, "alphas": ALPHAS, "stories": rows}
        path.write_text(f"{json.dumps(result, indent=1)}\n", encoding="utf-8")
        write(result, ROOT / "docs")


if __name__ == "__main__":
    main()
