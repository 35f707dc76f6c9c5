"""What share of faults do the gates catch, and what share of harmless edits do they stop?

Each fault of ``benchmarks/corpus`` is taken through all gates beside the good configuration that it is a fault of; in
the same run, ``nginx -t`` alone, and ``behaviour`` and ``lint`` without a contract. Mutations are drawn with a fixed
seed. Outcomes are written as they come, so that a run that was ended goes on with ``--resume``.

    python -m benchmarks.catch_rate [--quick] [--only NAME] [--sample N] [--jobs 2] [--resume]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from .catching.corpus import CORPUS, Case, Change, names, read
from .catching.mutants import mutants
from .catching.outcome import Outcome
from .catching.report import document, plot, targets
from .catching.trial import Bench
from .reporting import end_politely, fill, judge
from .stages import PROJECT, sandbox_platform
from .together import tried

__all__ = ["main", "quick_selection", "work"]

SEED, MUTANTS = 4, 10
_DOCS = PROJECT / "docs"
_SAMPLED = "One change in {sample} was tried, spread over all configurations and kinds: {tried} trials.\n\n"


class Work(NamedTuple):
    """A change that is to be tried; None is the good configuration itself."""

    case: Case
    change: Change | None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.change.name if self.change else self.case.name


def work(cases: Sequence[Case]) -> list[Work]:
    """All that is to be tried, the good configurations first, the cases side by side."""
    rows = [[*case.faults, *case.harmless, *case.improvements, *mutants(case, MUTANTS, SEED)] for case in cases]
    deepest = max((len(row) for row in rows), default=0)
    mixed = [
        Work(case, row[at]) for at in range(deepest) for case, row in zip(cases, rows, strict=True) if at < len(row)
    ]
    return [*(Work(case, None) for case in cases), *mixed]


def quick_selection(cases: Sequence[Case]) -> list[Work]:
    """One good configuration, and of some configurations a fault and a harmless edit."""
    chosen = cases[:: max(1, len(cases) // 3)][:3]
    some = [Work(case, change) for case in chosen for change in (case.faults[0], case.harmless[0])]
    return [Work(chosen[0], None), *some]


def run(todo: Sequence[Work], jobs: int) -> Iterator[Outcome]:
    """Try all of it, ``jobs`` at a time, and yield outcomes as they come; what could not be tried is left out."""
    client = connect()
    platform = sandbox_platform(client)

    def examine(work: Work, number: int, folder: Path) -> Outcome:
        return Bench(client, platform, folder).examine(work.case, work.change, number)

    yield from tried(todo, examine, jobs)


def _said(outcome: Outcome) -> str:
    found = ", ".join(outcome.caught_by) or ", ".join(f"{gate} unsure" for gate in outcome.unsure) or "nothing"
    alone = ", ".join(gate for gate, result in outcome.alone.items() if result == "fail") or "nothing"
    plain = "refuses" if outcome.plain else "is content"
    return f"{outcome.name} [{outcome.kind}]: {found}; without contract {alone}; nginx -t {plain}"


def _kept(path: Path) -> dict[str, Outcome]:
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {outcome.name: outcome for outcome in (Outcome.from_json(json.loads(row)) for row in rows)}


def _write(outcomes: Sequence[Outcome], seconds: float, sample: int) -> None:
    """Write the figures for programs, the tables and the plot."""
    reasons = yaml.safe_load((CORPUS / "misses.yml").read_text(encoding="utf-8"))
    found = {
        "at": now(),
        "seconds": round(seconds),
        "seed": SEED,
        "sample": sample,
        "targets": [target._asdict() for target in targets(outcomes)],
        "outcomes": [outcome.to_json() for outcome in outcomes],
    }
    (PROJECT / "benchmarks/results/catch_rate.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (_DOCS / "catch-rate.svg").write_text(plot(outcomes), encoding="utf-8")
    figures = _SAMPLED.format(sample=sample, tried=len(outcomes)) if sample > 1 else ""
    fill(_DOCS / "catch-rate.md", "figures", figures + document(outcomes, reasons))


def _is_wanted(each: Work, only: str) -> bool:
    """Return whether it is named; the good configuration comes with each of its changes."""
    return each.name.startswith(only) or (each.change is None and only.startswith(f"{each.name}/"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few changes; writes nothing down")
    parser.add_argument("--only", default="", metavar="NAME", help="a configuration, or configuration/change")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="one change in N, spread over all (1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--resume", action="store_true", help="leave out what the run before has tried")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark, print what was caught, and write it down."""
    options = _arguments()
    cases = [read(name) for name in names()]
    todo = quick_selection(cases) if options.quick else work(cases)
    todo = [each for each in todo if _is_wanted(each, options.only)]
    todo = [each for number, each in enumerate(todo) if each.change is None or number % options.sample == 0]
    whole = not options.quick and not options.only
    rows = PROJECT / ".sluice/catch_rate" / ("outcomes.jsonl" if whole else "some.jsonl")
    rows.parent.mkdir(parents=True, exist_ok=True)
    if not options.resume:
        rows.unlink(missing_ok=True)
    known = _kept(rows)
    end_politely()
    began = time.monotonic()
    try:
        with rows.open("a", encoding="utf-8") as stream:
            for outcome in run([each for each in todo if each.name not in known], options.jobs):
                known[outcome.name] = outcome
                print(json.dumps(outcome.to_json()), file=stream, flush=True)
                print(_said(outcome), flush=True)
    except (SluiceError, KeyboardInterrupt) as error:
        print(f"catch_rate: {error or 'ended before its end'}; go on with --resume", file=sys.stderr)
        return 2
    outcomes = [known[each.name] for each in todo if each.name in known]
    if len(outcomes) < len(todo):
        print(f"catch_rate: {len(todo) - len(outcomes)} could not be tried; go on with --resume", file=sys.stderr)
        return 2
    judged = targets(outcomes)
    if whole:
        _write(outcomes, time.monotonic() - began, options.sample)
    return judge(judged)


if __name__ == "__main__":
    sys.exit(main())
