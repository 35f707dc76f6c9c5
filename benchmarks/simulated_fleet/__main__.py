"""How does a roll-out of several slices grow up to 10,000 hosts, and what does its coordinator take?

The hosts are simulated behind a connection plugin, by the real engine on files of their own, with latencies that were
measured; everything else is real: ``ansible-playbook`` for each slice, all of them at once, a NATS server, signed
plans, acknowledgements and the decision. In the end every host must serve what was decided.

    python -m benchmarks.simulated_fleet [--only 1000x1,10000x20] [--quick]

``1000x1`` are 1,000 hosts from one controller, ``10000x20`` 10,000 in 20 slices, each with an inventory of its own;
``1000x20f`` lets one host fail, and ``10000x20c`` gives all slices one inventory in common, and each its --limit.
--quick takes 40 hosts in 2 slices. Ends with 0 when the targets are met, with 1 when one is missed, and with 2 when a
roll-out did not end as it had to. What is quick is not judged.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

from ..host import PROJECT
from ..reporting import end_politely
from .figures import Rollout, document, targets
from .latencies import MEASURED, Latencies
from .running import CONFIRM_TIMEOUT, Fleet

__all__ = ["Wanted", "main", "rolled_out"]

_MARKS = re.compile(r"(<!-- simulated fleet -->\n).*(<!-- end of simulated fleet -->)", re.DOTALL)
_WANTED = re.compile(r"(\d+)x(\d+)([cf]?)\Z")
_PAGE = PROJECT / "docs/performance.md"


class Wanted(NamedTuple):
    """A roll-out that is measured; one host of it ``fails``, or its slices have one inventory ``in_common``."""

    hosts: int
    slices: int
    fails: bool = False
    in_common: bool = False

    @classmethod
    def read(cls, text: str) -> Wanted:
        """Read ``HOSTSxSLICES``, and ``f`` or ``c``. Raises ``ValueError``."""
        found = _WANTED.match(text)
        if found is None or not 1 <= int(found[2]) <= int(found[1]):
            raise ValueError(f"{text!r} is no roll-out; give HOSTSxSLICES, as 1000x20")
        return cls(int(found[1]), int(found[2]), found[3] == "f", found[3] == "c")


_ALL = [*map(Wanted.read, ("100x1", "500x1", "1000x1", "100x20", "1000x20", "1000x20f", "10000x20", "10000x20c"))]


def rolled_out(folder: Path, wanted: Wanted) -> Rollout:
    """Roll out once, and return what it took. Raises ``SluiceError`` where hosts do not end as they have to."""
    fleet = Fleet(folder, wanted.hosts, wanted.slices, fails=wanted.fails, in_common=wanted.in_common)
    with fleet.begun():
        began = time.monotonic()
        slices = fleet.run()
        seconds = time.monotonic() - began
        counted, traffic, decision = fleet.counted(), fleet.traffic(), fleet.decision()
    made = Rollout(
        wanted.hosts,
        slices,
        seconds,
        counted["operations"],
        counted["serving"],
        traffic,
        failed=wanted.fails,
        in_common=wanted.in_common,
    )
    release = fleet.before if wanted.fails else fleet.release
    if counted["serving"] != {f"{release} confirmed": wanted.hosts}:
        raise SluiceError(f"{made.words}: expected all on {release[:12]}, confirmed; got {counted['serving']}")
    expected = "rollback" if wanted.fails else "confirm"
    if wanted.slices > 1 and decision != expected:
        raise SluiceError(f"{made.words}: expected the decision {expected}, got {decision}")
    return made


def _document(rollouts: Sequence[Rollout]) -> None:
    made = document(rollouts, targets(rollouts))
    text = _MARKS.sub(lambda marks: f"{marks[1]}{made}{marks[2]}", _PAGE.read_text(encoding="utf-8"))
    _PAGE.write_text(text, encoding="utf-8")


def _machine() -> dict[str, object]:
    store = subprocess.run(
        ["nats-server", "--version"], capture_output=True, text=True, check=False,
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )  # fmt: skip
    return {
        "cores": os.cpu_count(),
        "load_at_begin": round(os.getloadavg()[0], 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible_core": importlib.metadata.version("ansible-core"),
        "nats": store.stdout.strip(),
    }


def _read(text: str) -> list[Wanted]:
    return [Wanted.read(each) for each in text.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulated_fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=_read, metavar="HOSTSxSLICES,…", help="these roll-outs alone")
    parser.add_argument("--quick", action="store_true", help="40 hosts in 2 slices; nothing is judged")
    parser.add_argument("--name", default="simulated-fleet", help="of the folder below .sluice")
    parser.add_argument("--out", type=Path, help="where the figures are written to, as JSON")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark, print what was measured, and write it down after each roll-out."""
    options = _arguments()
    whole = not options.quick and (not options.only or set(options.only) == set(_ALL))
    out = options.out or PROJECT / (
        "benchmarks/results/simulated_fleet.json" if whole else ".sluice/simulated-fleet-some.json"
    )
    found = {"at": now(), "quick": options.quick, "machine": _machine(), "confirm_timeout": CONFIRM_TIMEOUT}
    found |= {"latencies": {**_measured(), "medians": Latencies.read().medians()}}
    rollouts: list[Rollout] = []
    end_politely()
    try:
        for wanted in options.only or ([Wanted(40, 2)] if options.quick else _ALL):
            rollouts.append(rolled_out(PROJECT / ".sluice" / options.name, wanted))
            print(json.dumps({**rollouts[-1].to_json(), "each": "…"}), flush=True)
            judged = [] if options.quick else targets(rollouts)
            content = {**found, "targets": [target._asdict() for target in judged]}
            content["rollouts"] = [each.to_json() for each in rollouts]
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except (SluiceError, OSError, subprocess.SubprocessError) as error:
        print(f"simulated_fleet: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("simulated_fleet: ended before its end", file=sys.stderr)
        return 130
    judged = [] if options.quick else targets(rollouts)
    print(document(rollouts, judged), end="")
    if whole:
        _document(rollouts)
    return 0 if all(target.met for target in judged) else 1


def _measured() -> dict[str, object]:
    return {name: value for name, value in json.loads(MEASURED.read_text()).items() if name != "seconds"}


if __name__ == "__main__":
    sys.exit(main())
