"""A host that is made up: the engine's seam over real files in a folder, with a clock, an nginx and a systemd."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.file_store import FileStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import CoordinationStore, StoreLogin
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.command import Standing
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Bind, NoNamespace, Ran, System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.watchdog.hook import BOOT_UNIT
from ansible_collections.sluice.nginx.plugins.module_utils.engine.watchdog.watch import boot, watch

from .clock import Clock
from .crash import Crash, Steps, unwatched
from .nginx import Nginx, NginxSaved
from .releases import files_of

__all__ = ["SimulatedHost"]

_TEST_SECONDS = 0.05
# A slow machine: who waits for 7 ms gets the processor again after this many seconds.
_SLICE = 0.1
_RESTART_SECONDS = 1.0
_MOST_RESTARTS = 50


class _Waits(BaseException):
    """What is under way in the background waits, and the foreground goes on."""


@dataclass
class _Background:
    """The watchdog of a run, beside the operations: a unit, which systemd starts again when it fails, or a process with
    its ``work``.
    """

    run: str
    due: float
    work: Callable[[], object] | None = None
    failures: int = 0


class Saved(NamedTuple):
    """A host as it was at a moment."""

    files: Path
    clock: tuple[float, float]
    nginx: NginxSaved
    boots: int
    units: dict[str, _Background]
    processes: list[_Background]


class SimulatedHost(System):
    """One host. ``systemd``, ``namespaces`` and ``exchanges`` (of directories) say what it can do."""

    def __init__(
        self, root: Path, *, has_systemd: bool = True, namespaces: bool = True, exchanges: bool = True
    ) -> None:
        self.layout = Layout(
            root / "var/lib/sluice", root / "etc/nginx", root / "run/sluice", root / "etc/systemd/system",
            root / "etc/sluice/allowed_signers", root / "usr/local/lib/sluice", root / "usr/local/sbin/sluice-engine",
        )  # fmt: skip
        self.root = root
        self.proc = root / "proc"
        self.clock = Clock()
        self.steps = Steps(root / "etc", root / "var/lib", root / "run", root / "usr/local")
        self.nginx = Nginx(self.clock, self.proc, root / "var/log/nginx/error.log", self.layout.conf)
        self.rewritten: set[str] = set()
        self.shared_store: CoordinationStore = FileStore(root / "store")
        self._has_systemd = has_systemd
        self._namespaces = namespaces
        self._exchanges = exchanges
        self._boots = 1
        self._starting = False
        self._units: dict[str, _Background] = {}
        self._processes: list[_Background] = []
        self._pause_at: float | None = None
        self._locked_before = False
        for path, text in files_of("by hand").items():
            place = self.layout.conf / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod(0o644)
        self.layout.units.mkdir(parents=True)
        self.layout.runtime.parent.mkdir()
        self.nginx.start()

    # What a test does to it.

    def ask_engine(self, op: str, run: str, bundle: bytes = b"", **request: Any) -> dict[str, Any]:
        """Send one request to the engine."""
        who = {"id": run, "who": "ann", "from": "desk"}
        return dict(handle({"op": op, "run": who, **request}, bundle, self, self.layout))

    @contextlib.contextmanager
    def crashing(self, after: int | None = None) -> Iterator[Steps]:
        """Count the steps of what is done here, and stop it dead after so many of them."""
        with self.steps.counted(after):
            yield self.steps

    def wait(self, seconds: float) -> None:
        """Let time pass, and the watchdog do what it does then."""
        end = self.clock.monotonic + seconds
        for _ in range(_MOST_RESTARTS):
            due = [each for each in self._background() if each.due <= end]
            if not due:
                break
            first = min(due, key=lambda each: each.due)
            self.clock.pass_(max(0.0, first.due - self.clock.monotonic))
            self._run(first, end)
        self.clock.pass_(max(0.0, end - self.clock.monotonic))

    def reboot(self) -> None:
        """Cut the power and start the machine again."""
        self.nginx.stop()
        self.clock.restart()
        self._units.clear()
        self._processes.clear()
        with unwatched():
            self.steps.disk.lose([self.layout.root, self.layout.conf.parent])
            shutil.rmtree(self.layout.runtime, ignore_errors=True)
        self._boots += 1
        self._starting = True
        if self._boot_unit():
            boot(self._session("boot"))
        self.go_on()

    def go_on(self) -> None:
        """Let the machine start nginx if a crash came before that, and systemd what it starts again after one."""
        if not self._starting:
            return
        self._starting = False
        self.nginx.start()
        if self.steps.dead and "Restart=on-failure" in self._boot_unit():
            self.clock.pass_(_RESTART_SECONDS)
            boot(self._session("boot"))

    def saved(self) -> Saved:
        """Remember everything; nothing may be about to happen to nginx."""
        files = self.root.with_name(f"{self.root.name}.saved")
        _copy(str(self.root), str(files))
        return Saved(
            files,
            self.clock.now(),
            self.nginx.saved(),
            self._boots,
            copy.deepcopy(self._units),
            copy.deepcopy(self._processes),
        )

    def restore(self, saved: Saved) -> None:
        """Let everything be again as it was."""
        self.steps.disk.synced_all()
        shutil.rmtree(self.root)
        _copy(str(saved.files), str(self.root))
        self.clock.set(saved.clock)
        self.nginx.restore(saved.nginx)
        self._boots, self._starting = saved.boots, False
        self._units, self._processes = copy.deepcopy(saved.units), copy.deepcopy(saved.processes)

    def lose_watchdogs(self) -> None:
        """Let every watchdog be gone, as if somebody had stopped it."""
        self._units.clear()
        self._processes.clear()

    def watchdogs(self) -> list[str]:
        """Return the watchdogs that are armed."""
        return sorted(self._units) + ["process"] * len(self._processes)

    # The seam.

    def now(self) -> str:
        return self.clock.wall()

    def monotonic(self) -> float:
        return self.clock.monotonic

    def store(self, login: StoreLogin) -> CoordinationStore:
        return self.shared_store

    def boot(self) -> str:
        return f"boot {self._boots}"

    def systemd(self) -> bool:
        return self._has_systemd

    def manager(self) -> str:
        return "systemd" if self._has_systemd else "none"

    def sleep(self, seconds: float) -> None:
        if self._pause_at is not None and self.clock.monotonic >= self._pause_at and self._holds_nothing():
            raise _Waits
        self.clock.pass_(max(seconds, _SLICE))

    def append(self, path: Path, line: bytes) -> None:
        """Half a line is a step of its own."""
        self.steps.step(lambda: System.append(self, path, line[: len(line) // 2]))
        super().append(path, line)

    def exchange(self, one: Path, other: Path) -> None:
        if not self._exchanges:
            raise OSError(18, "a directory of a lower layer")
        self.steps.step()
        super().exchange(one, other)

    def run(
        self,
        argv: Sequence[str],
        timeout: float,
        bind: Bind | None = None,
        data: bytes = b"",
        *,
        program: int = -1,
        standing: Standing | None = None,
    ) -> Ran:
        command, arguments = Path(argv[0]).name, list(argv[1:])
        if command == "nginx":
            return self._nginx(arguments, bind)
        self.steps.step()
        if command == "systemctl":
            return self._systemctl(arguments)
        if command == "systemd-run":
            return self._systemd_run(arguments)
        return Ran(127, f"{command}: No such file or directory")

    def reload(self, pid: int) -> None:
        self.steps.step()
        self.nginx.reload(pid)

    def quit(self, pid: int) -> None:
        self.kill(pid)

    def kill(self, pid: int) -> None:
        self.steps.step()
        self.nginx.end(pid)

    def ask(
        self,
        contract: list[dict[str, Any]],
        timeout: float,
        noted: Callable[[dict[str, Any]], None] | None = None,
        lost: Callable[[], str] | None = None,
    ) -> list[dict[str, Any]]:
        outcomes = [self._outcome(row, timeout) for row in contract]
        for outcome in outcomes:
            if noted is not None:
                noted(outcome)
        return outcomes

    def detach(self, work: Callable[[], object], *kept: int) -> None:
        self.steps.step()
        process = _Background("", self.clock.monotonic, work)
        self._processes.append(process)
        # It is there at once, and looks, before the one who made it goes on.
        self._run(process, self.clock.monotonic)

    # What is behind it.

    def _nginx(self, arguments: list[str], bind: Bind | None) -> Ran:
        if "-V" in arguments:
            conf = self.layout.conf / "nginx.conf"
            return Ran(0, f"nginx version: nginx/1.22.1\nconfigure arguments: --conf-path={conf} --prefix={self.root}")
        if "-t" in arguments:
            if bind is not None and not self._namespaces:
                raise NoNamespace
            self.clock.pass_(_TEST_SECONDS)
            said = self.nginx.test(self.layout.conf if bind is None else bind.source)
            return Ran(1 if said else 0, said or "nginx: configuration file test is successful")
        self.steps.step()
        said = self.nginx.start()
        return Ran(1 if said else 0, said)

    def _systemctl(self, arguments: list[str]) -> Ran:
        verb, name = arguments[0], arguments[-1]
        if name in ("nginx", "nginx.service"):
            if verb == "restart":
                self.nginx.stop()
            said = "" if verb == "start" and self.nginx.master else self.nginx.start()
            return Ran(1 if said else 0, said)
        if verb == "stop":
            self._units.pop(name.rpartition(".")[0], None)
        return Ran(0, "")

    def _systemd_run(self, arguments: list[str]) -> Ran:
        options = dict(each[2:].partition("=")[::2] for each in arguments if each.startswith("--"))
        if options["unit"] in self._units:
            return Ran(1, f"Failed to start transient timer unit: Unit {options['unit']}.timer was already loaded")
        what, run = arguments[-2:]
        assert what == "watch"
        due = self.clock.monotonic + float(options["on-active"].rstrip("s"))
        self._units[options["unit"]] = _Background(run, due)
        return Ran(0, "")

    def _boot_unit(self) -> str:
        wanted = self.layout.units / "nginx.service.wants" / BOOT_UNIT
        return wanted.read_text() if self._has_systemd and wanted.is_symlink() else ""

    def _session(self, run: str) -> Session:
        return Session(self, self.layout, {"id": run, "who": "the watchdog", "from": "the host"})

    def _background(self) -> list[_Background]:
        return [*self._units.values(), *self._processes]

    def _run(self, process: _Background, until: float) -> None:
        """Let a process go on until it ends, or has nothing to do until then."""
        self._pause_at, self._locked_before = until, self._is_locked()
        try:
            if process.work is not None:
                process.work()
            else:
                watch(self._session("watchdog"), process.run)
        except _Waits:
            process.due = self.clock.monotonic + _SLICE
            return
        except Crash:
            process.due = self.clock.monotonic + _RESTART_SECONDS
            if process.work is not None:
                self._processes.remove(process)
            raise
        except Exception:
            process.failures += 1
            process.due = self.clock.monotonic + _RESTART_SECONDS
            if process.work is not None or process.failures > _MOST_RESTARTS:
                raise
            return
        finally:
            self._pause_at = None
        self._units = {name: each for name, each in self._units.items() if each is not process}
        self._processes = [each for each in self._processes if each is not process]

    def _holds_nothing(self) -> bool:
        """Return whether what runs in the background may be left where it is: it does not have the lock."""
        return self._locked_before or not self._is_locked()

    def _is_locked(self) -> bool:
        try:
            with (self.layout.root / "lock").open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def _outcome(self, row: dict[str, Any], timeout: float) -> dict[str, Any]:
        serving = self.nginx.serving
        behaviour = serving[-1].behaviour if serving else "gone"
        words = {
            "wrong": "expected the body to contain 'shop', got nothing",
            "silent": f"no answer within {timeout:g} s",
            "gone": "nothing listens there",
        }
        problems = [words[behaviour]] if behaviour in words else []
        return {
            "name": row["name"], "source": "", "request": "GET /", "problems": problems, "ok": not problems,
            "status": None if problems else 200, "ms": 1.0, "chain": [], "body_excerpt": "",
        }  # fmt: skip


def _copy(source: str, target: str) -> None:
    """Copy a folder with its links, modes and times; ``shutil.copytree`` takes twice as long for as much."""
    os.mkdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            path = f"{target}/{entry.name}"
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
                continue
            if entry.is_dir():
                _copy(entry.path, path)
            else:
                with open(entry.path, "rb") as read, open(path, "wb") as write:
                    write.write(read.read())
            _copy_mode(entry.stat(), path)
    _copy_mode(os.stat(source), target)


def _copy_mode(state: os.stat_result, path: str) -> None:
    os.chmod(path, state.st_mode & 0o7777)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
