"""Counts the requests that deployments lose, and those that as many bare reloads of nginx lose beside them.

Makes a host of the sandbox's kind, keeps it under load by wrk, and drives the engine on it: deployments, rollbacks,
and deployments that fail in each phase; then reloads nginx as often without the engine. Traffic goes to that host
alone, and the host is removed at the end. All of it takes about ten minutes, with --quick about one.

The quick one is too short to tell whether kept connections lose more than by bare reloads, and says so.

Ends with 0 when the targets are met, with 1 when one is missed, and with 2 when it could not be run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentence

from .host import PROJECT, Host, gated_release, make_host, remove_host
from .judge import strays, windows
from .load import loaded, require_wrk
from .paced import asked
from .releases import FLAG, TAKEN_PORT, Made, Maker
from .report import BARE, Measured, result, table, targets
from .reporting import attempt, judge

_NAME = "no-loss"
_BAKE_SECONDS = 0.5
# About what a deployment takes, so that workers of before have drained as much.
_BARE_SECONDS = 1.2
# Too few to be compared, which the quick benchmark does not do.
_QUICK_BARE = 4
# Takes the port before nginx can.
_HOLDER = f"import socket, time; s = socket.create_server(('127.0.0.1', {TAKEN_PORT})); time.sleep(86400)"


class Bench:
    """One host, the releases that were made for it, and what can be done with them."""

    def __init__(self, host: Host, maker: Maker) -> None:
        self.host = host
        self.ids: dict[str, str] = {}
        self._maker = maker
        self._run = ""

    def deploy(self) -> None:
        """A release is switched to, and confirmed."""
        made = self._made()
        self._well(self.host.activate(made, self._run))
        self._well(self.host.ask("confirm", self._run, release=made.id))

    def rollback(self) -> None:
        """A release is switched to, and rolled back."""
        self._well(self.host.activate(self._made(), self._run))
        self._rolled_back(self.host.ask("rollback", self._run))

    def refused(self) -> None:
        """nginx -t refuses the release, before anything is switched."""
        self._badly(self._made(http="frobnicate on;\n"), 'unknown directive "frobnicate"', rolled_back=None)

    def port_taken(self) -> None:
        """nginx cannot bind a port when it reloads; it goes on with the release before."""
        self._badly(self._made(http=f"server {{ listen 127.0.0.1:{TAKEN_PORT}; }}\n"), "bind() to 127.0.0.1")

    def check_fails(self) -> None:
        """The release serves, and a check of it does not hold."""
        self._badly(self._made(demanded="what no release says"), "expected the body to contain")

    def bake_fails(self) -> None:
        """All holds at the switch, and a check does not any more in the bake."""
        self.host.sh(f"touch {FLAG}")
        made = self._made(flag=True)
        self._well(self.host.activate(made, self._run))
        self.host.sh(f"rm {FLAG}")
        _demand(self.host.ask("bake", self._run, release=made.id, seconds=_BAKE_SECONDS), ok=False, says="got 404")
        self._rolled_back(self.host.ask("rollback", self._run))

    def workers_die(self) -> None:
        """The workers of the release die as soon as they start, and those of before have ended."""
        self._badly(self._made(main="worker_rlimit_nofile 8;\n"), "Too many open files")

    def reload(self) -> None:
        """nginx is told to reload what it serves, by nobody but itself."""
        self.host.sh("nginx -s reload")

    def _made(self, **how: Any) -> Made:
        made = self._maker.make(**how)
        self.ids[str(made.number)] = made.id
        self._run = f"no-loss-{made.number}"
        return made

    def _well(self, answer: dict[str, Any]) -> None:
        _demand(answer, ok=True)

    def _badly(self, made: Made, says: str, rolled_back: bool | None = True) -> None:
        answer = self.host.activate(made, self._run)
        _demand(answer, ok=False, says=says)
        if answer.get("rolled_back") is not rolled_back or (rolled_back and answer.get("means") != "reload"):
            raise SluiceError(f"the host was to be rolled back by a reload, and was not: {_said(answer)}")

    def _rolled_back(self, answer: dict[str, Any]) -> None:
        _demand(answer, ok=True)
        if answer.get("rolled_back") is not True or answer.get("means") != "reload":
            raise SluiceError(f"the host was to be rolled back by a reload, and was not: {answer}")


def _demand(answer: dict[str, Any], *, ok: bool, says: str = "") -> None:
    if answer["ok"] is not ok or says not in _said(answer):
        wanted = "well" if ok else f"badly, with the words {says!r}"
        raise SluiceError(f"what was to end {wanted} did not: {_said(answer) or 'no problem was found'}")


def _said(answer: dict[str, Any]) -> str:
    return "; ".join(sentence(problem) for problem in answer["problems"])


@dataclass(frozen=True)
class Part:
    """Something that is done ``times`` times under load. ``reloads`` is how often each time renews nginx's workers."""

    name: str
    act: Callable[[], None]
    times: int
    reloads: int
    judged: bool = True


def _parts(bench: Bench, *, quick: bool) -> list[Part]:
    often, failing = (2, 1) if quick else (50, 10)
    return [
        Part("deployments", bench.deploy, often, 1),
        Part("rolls back", bench.rollback, often, 2),
        Part("refused by nginx -t", bench.refused, failing, 0),
        Part("port taken", bench.port_taken, failing, 1),
        Part("check fails", bench.check_fails, failing, 2),
        Part("bake fails", bench.bake_fails, failing, 2),
        # nginx has no workers until it is told to go back, so requests hang meanwhile.
        Part("workers die", bench.workers_die, failing, 2, judged=False),
    ]


def measure(bench: Bench, part: Part, folder: Path, pause: float = 0.0) -> Measured:
    """Do a part under load, and count. ``pause`` seconds pass from one time's beginning to the next one's at least."""
    measured = Measured(part.name, part.times, part.times * part.reloads, part.judged)
    began = time.monotonic()
    with asked(bench.host.address) as paced, loaded(bench.host.address, folder, measured.load, measured.seen):
        for _ in range(part.times):
            measured.begins.append(time.time())
            due = time.monotonic() + pause
            part.act()
            time.sleep(max(0.0, due - time.monotonic()))
    measured.seconds = time.monotonic() - began
    measured.paced.update(paced)
    measured.seen += [seen for each in paced.values() for seen in each.seen]
    print(f"{part.name}: {part.times} in {measured.seconds:.0f} s, {measured.requests:,} requests", flush=True)
    return measured


def benchmark(*, quick: bool) -> list[Measured]:
    """Make the host, do all parts, and remove the host, whatever happens."""
    folder = PROJECT / ".sluice/fleets" / _NAME
    if folder.exists():
        remove_host(_NAME)
    print("making a host, and a release for it", flush=True)
    try:
        host = make_host(_NAME)
        bench = Bench(host, Maker(gated_release(_NAME)))
        host.leave_running("python3", "-c", _HOLDER)
        bench.deploy()
        measured = [measure(bench, part, folder) for part in _parts(bench, quick=quick)]
        reloads = _QUICK_BARE if quick else sum(each.reloads for each in measured if each.judged)
        measured.append(measure(bench, Part(BARE, bench.reload, reloads, 1), folder, _BARE_SECONDS))
        allowed = windows(host.journal())
        for each in measured:
            each.strays = strays(each.seen, bench.ids, allowed)
        return measured
    finally:
        remove_host(_NAME)


def main() -> int:
    """Run the benchmark, print what was counted, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few of each, in about a minute")
    parser.add_argument("--out", type=Path, help="where the figures are written to, as JSON")
    options = parser.parse_args()
    out = options.out or PROJECT / (
        ".sluice/no_loss-quick.json" if options.quick else "benchmarks/results/no_loss.json"
    )

    def work() -> int:
        require_wrk()
        measured = benchmark(quick=options.quick)
        judged = targets(measured, quick=options.quick)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result(measured, judged, quick=options.quick), indent=1) + "\n")
        print(f"\n{table(measured)}\n")
        return judge(judged)

    return attempt("no_loss", work, "its host is removed")


if __name__ == "__main__":
    sys.exit(main())
