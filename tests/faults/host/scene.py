"""One story on one host: a run deploys a release there, and a fault strikes in one of its phases."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.faults.host.host import TIMEOUT, End, Host, Release, make_release, receipt_for
from tests.faults.table.table import Pair
from tests.faults.table.words import BOOT, NEXT, NOBODY, RUN, WATCHDOG

__all__ = ["POINTS", "Scene"]

# Where a phase is in the journal: the operation, and the point at which it waits.
POINTS = {
    "before the swap": ("activate", "install end"),
    "after -t": ("activate", "test apart end"),
    "after the swap": ("activate", "swap end"),
    "after the reload": ("activate", "reload end"),
    "during checks": ("activate", "check begin"),
    "during confirm": ("confirm", "confirm begin"),
    "during rollback": ("rollback", "swap back end"),
}
_SOON, _LATER, _LATE = 5.0, 15.0, 60.0
JOURNAL = "/var/lib/sluice/journal.jsonl"
_numbers = itertools.count(1)


class Told(NamedTuple):
    """What came of a story: how the host ended, between which two releases it had to choose, who ended the trial as the
    table has it (nothing: not to be told), and everything that a person can read.
    """

    end: End
    new: str
    before: str
    by: str
    words: str


class Scene:
    """The host, the run and the release of one pair."""

    def __init__(self, host: Host, pair: Pair) -> None:
        self.host, self.pair = host, pair
        self.run = f"run-{next(_numbers)}-{int(time.time())}"
        # The watchdog's turn: soon where it is to act, else so late that a slow machine does not bring it on. Where the
        # next contact is to act, somebody waits until it is over, and the watchdog was stopped before.
        self.deadline = {WATCHDOG: _SOON, NEXT: _LATER}.get(pair.by, _LATE)
        self.do = "pause"
        # Whether the run waits in its phase; else the fault itself sees to the right moment, once the release serves.
        self.held = pair.phase in POINTS
        self.gone = False
        self.base = ""
        # What else an activation of this run is sent.
        self.more: dict[str, Any] = {}
        self.release: Release = make_release(self.run)
        self.heard: list[str] = []
        self._serves = False
        self._activated, self._struck = threading.Event(), threading.Event()

    def open(self) -> None:
        """Nothing of another story is left on the host, even when that one failed."""
        try:
            self.host.end(within=20)
        except AssertionError:
            self.host.reset()
        self.host.sh("mkdir -p /run/faults; rm -f /run/faults/*")

    def make(self, **more: Any) -> None:
        """Let the release have more than its word."""
        self.release = make_release(self.run, **more)

    def before(self, **more: Any) -> None:
        """Let the host serve, confirmed, a release that has more than its word; that is then the one of before."""
        release = make_release(f"before-{self.run}", **more)
        run = f"before-{self.run}"
        for answer in (self._activate(release, run), self.host.ask("confirm", run, release=release.id, keep=0)):
            assert answer["ok"], answer

    def play(self, strike: Callable[[Scene], None], *, early: bool = False) -> None:
        """Deploy, let the fault strike in its phase, and let the run go on as far as it can.

        An ``early`` one strikes between the preflight and the activation.
        """
        self.base = self.host.end().release
        if early:
            self.ask("preflight", release=self.release.id)
            strike(self)
            self._struck.set()
            self._deploy()
            return
        thread = threading.Thread(target=self._deploy)
        thread.start()
        try:
            if self.held:
                self._reached(thread)
                strike(self)
                self.host.let_go()
            else:
                self._activated.wait()
                assert self._serves, self.words()
                strike(self)
        finally:
            self._struck.set()
            thread.join()

    def _reached(self, thread: threading.Thread) -> None:
        # One look on the host, which goes on as long as the thread does: each from outside costs 0.1 s.
        with self.host.looking("[ -e /run/faults/reached ]", TIMEOUT) as looking:
            while looking.poll() is None and thread.is_alive():
                time.sleep(0.02)
            assert looking.poll() in (None, 0), f"after {TIMEOUT:g} s: the engine came to its point"
        assert thread.is_alive() or self.do == "die", f"{self.pair.phase} never came: {self.words()}"

    def ask(self, op: str, run: str = "", *, bundle: bytes = b"", **request: Any) -> dict[str, Any]:
        """Ask the engine, as this run or as another one, and keep what it says; an answer that never came is no."""
        run = run or self.run
        operation, point = POINTS.get(self.pair.phase, ("", ""))
        if self.held and op == operation and run == self.run:
            request.update(at=point, do=self.do)
        try:
            answer = self.host.ask(op, run, bundle, **request)
        except SluiceError as error:
            answer = {"ok": False, "lost": True, "problems": [{"what": str(error)}], "warnings": []}
        self.heard.append(json.dumps([run, op, answer], ensure_ascii=False))
        return answer

    def activate(self, run: str = "") -> dict[str, Any]:
        """Activate this story's release, as this run or as another one."""
        return self.ask("activate", run, bundle=self.release.bundle, **self._wanted(self.release))

    def _activate(self, release: Release, run: str) -> dict[str, Any]:
        return self.host.ask("activate", run, release.bundle, **self._wanted(release))

    def _wanted(self, release: Release) -> dict[str, Any]:
        form = {**release.form, "platform": {"nginx_version": self.host.nginx_version}}
        options = {"confirm_timeout": self.deadline, "check_timeout": 3}
        return {"release": form, "receipt": receipt_for(release.id), "options": options, **self.more}

    @property
    def watchdog(self) -> str:
        """The name of the units that watch this run's trial."""
        return f"sluice-watchdog-{self.run}"

    def _deploy(self) -> None:
        """What the controller does on one host; when an answer is lost it knows of nothing better than to go."""
        try:
            self._serves = self.activate()["ok"]
        finally:
            self._activated.set()
        if not self._serves:
            return
        if not self.held:
            self._struck.wait()
        if self.gone:
            return
        if self.pair.phase == "during rollback":
            self.ask("rollback")
            return
        finalized = self.ask("bake", release=self.release.id, seconds=0.5)
        if finalized["ok"]:
            finalized = self.ask("confirm", release=self.release.id, keep=0)
        if not finalized["ok"] and not finalized.get("lost"):
            self.ask("rollback")

    def told(self) -> Told:
        """Wait until the host is where a host may be left, and tell the story's end."""
        end = self.host.end()
        journal = self.host.exec("sh", "-c", f"sed -n '/{self.run}/,$p' {JOURNAL}").stdout.decode()
        return Told(end, self.release.id, self.base, self._by(end, journal), self.words())

    def _by(self, end: End, journal: str) -> str:
        if end.last.get("run") != self.run:
            return NOBODY
        by = str(end.last["by"])
        if '"event": "boot"' in journal:
            return BOOT
        return {f"run {self.run}": RUN, "watchdog": WATCHDOG}.get(by, NEXT)

    def words(self) -> str:
        """Everything that a person can read of it, in the answers and on the host."""
        said = self.host.exec("journalctl", "-o", "cat", "--no-pager", "-n", "20", "-u", f"{self.watchdog}.service")
        return "\n".join([*self.heard, self.host.journal(), said.stdout.decode()])
