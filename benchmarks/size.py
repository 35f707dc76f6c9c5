"""Measures the controller's work at size: each part of it for 10 to 10,000 server blocks, and the gates as a whole.

The parts that need no container are measured one by one, in processor time, for typed sites, for a raw tree and for
one file with very many lines; the gates as a whole with Docker, from the start of `ansible-playbook` to its end, for
the sandbox's release, 1,000 servers, and 1, 10 and 50 variants; and gate by gate for one change to a raw tree of 1,000
and of 10,000 servers, which ``--one-change`` measures alone. What grows faster than n log n is said. ``--quick`` does
the parts up to 100 servers, in which no growth shows, and writes nothing.

Ends with 0, and with 2 when it could not be run: times are for people to judge.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from .sizing import one_change
from .sizing.growth import faster, in_markdown, in_words
from .sizing.parts import FORMS, measure
from .sizing.runs import in_table, whole_runs

_SIZES = {"typed": (10, 100, 1_000, 10_000), "raw": (10, 100, 1_000, 10_000), "lines": (10_000, 100_000, 1_000_000)}
_QUICK = {"typed": (10, 100), "raw": (10, 100), "lines": (10_000,)}
_MOST_FOR_GIXY = 10_000
_PROJECT = Path(__file__).resolve().parent.parent


def _measured(form: str, size: int, *, with_gixy: bool) -> dict[str, Any]:
    """Measure in a process of its own, for the memory's sake. Raises ``SluiceError``."""
    command = [sys.executable, "-m", "benchmarks.size", "--one", form, str(size), *(["--gixy"] if with_gixy else [])]
    done = subprocess.run(command, cwd=_PROJECT, env={**os.environ}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SluiceError(f"{form}, {size:,}: {done.stderr.strip()[-2000:]}")
    return dict(json.loads(done.stdout))


def _one_change() -> dict[int, dict[str, Any]]:
    """Measure each size in a process of its own. Raises ``SluiceError``."""
    found = {}
    for size in one_change.SIZES:
        command = [sys.executable, "-m", "benchmarks.size", "--change-of", str(size)]
        done = subprocess.run(command, cwd=_PROJECT, env={**os.environ}, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SluiceError(f"one change to {size:,} servers could not be measured; the lines above say why")
        found[size] = dict(json.loads(done.stdout))
    return found


def main() -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the parts up to 100 servers; nothing is written")
    parser.add_argument("--parts-only", action="store_true", help="no gates as a whole, so no Docker")
    parser.add_argument("--one-change", action="store_true", help="only the gates of one change to many servers")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/size.json"))
    parser.add_argument("--one", nargs=2, metavar=("FORM", "SIZE"), help=argparse.SUPPRESS)
    parser.add_argument("--gixy", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--change-of", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        form, size = options.one
        sys.stdout.write(json.dumps(measure(form, int(size), with_gixy=options.gixy)))
        return 0
    if options.change_of:
        sys.stdout.write(json.dumps(one_change.measure(options.change_of)))
        return 0
    if options.one_change:
        return _measure_one_change(options.out)
    result: dict[str, Any] = {"at": now(), "parts": {}, "gixy_up_to": _MOST_FOR_GIXY}
    parts: list[str] = []
    try:
        for form in FORMS:
            sizes = {
                size: _measured(form, size, with_gixy=form != "lines" and size <= _MOST_FOR_GIXY and not options.quick)
                for size in (_QUICK if options.quick else _SIZES)[form]
            }
            sys.stdout.write(f"{in_words(form, sizes)}\n\n")
            sys.stdout.flush()
            result["parts"][form] = {"sizes": sizes, "faster_than_n_log_n": faster(sizes)}
            parts.append(f"{form}:\n\n{in_markdown(sizes)}")
        if not options.quick and not options.parts_only:
            result["gates"] = whole_runs()
            sys.stdout.write(f"{in_table(result['gates'])}\n")
            result["one_change"] = {"at": now(), "sizes": _one_change()}
            sys.stdout.write(f"{one_change.in_table(result['one_change']['sizes'])}\n")
    except (SluiceError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the benchmark could not be run: {error}\n")
        return 2
    if not options.quick:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
        sys.stdout.write("\n\n".join(["", *parts, ""]))
    return 0


def _measure_one_change(out: Path) -> int:
    """Measure that alone, and leave the other figures as they are."""
    try:
        sizes = _one_change()
    except (SluiceError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the benchmark could not be run: {error}\n")
        return 2
    known = json.loads(out.read_text()) if out.exists() else {}
    known["one_change"] = {"at": now(), "sizes": sizes}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{one_change.in_table(sizes)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
