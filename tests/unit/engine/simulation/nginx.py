"""A made-up nginx: it does what the tree says that it reads, and shows itself in a made-up ``/proc``."""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id

from .clock import Clock
from .releases import behaviour_of

__all__ = ["Nginx", "NginxSaved", "Process"]

_STARTS, _STOPS_LISTENING, _DRAINED = 0.02, 0.12, 0.9
_WORKERS = 2


@dataclass
class Process:
    """A worker: ``loaded`` is the id of the tree that it was started with, whatever is on disk since."""

    pid: int
    started: int
    loaded: str
    behaviour: str
    draining: bool = False


NginxSaved = tuple[int, Process | None, list[Process]]


class Nginx:
    """A master, when there is one, and workers, which outlive a master that is killed."""

    def __init__(self, clock: Clock, proc: Path, log: Path, conf: Path) -> None:
        self._clock = clock
        self._proc = proc
        self._log = log
        self._conf = conf
        self._last_pid = 100
        self.master: Process | None = None
        self.workers: list[Process] = []
        (proc / "self" / "ns").mkdir(parents=True)
        (proc / "self" / "ns" / "pid").symlink_to("pid:[1]")
        (proc / "self" / "root").symlink_to("/")
        self._binary = proc.parent / "usr/sbin/nginx"
        self._binary.parent.mkdir(parents=True)
        self._binary.touch()
        for place in (self._binary, *self._binary.parents[:3]):
            place.chmod(0o755)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()

    def saved(self) -> NginxSaved:
        """Remember the processes."""
        return copy.deepcopy((self._last_pid, self.master, self.workers))

    def restore(self, saved: NginxSaved) -> None:
        """Have the processes of then; their files are the caller's."""
        self._last_pid, self.master, self.workers = copy.deepcopy(saved)

    @property
    def serving(self) -> list[Process]:
        """The workers that take connections."""
        return [worker for worker in self.workers if not worker.draining]

    def test(self, tree: Path) -> str:
        """Return what is wrong with a tree, as ``nginx -t`` does: nothing when it finds nothing."""
        if behaviour_of(tree) != "refused":
            return ""
        return f'nginx: [emerg] unknown directive "oops" in {tree}/nginx.conf:1'

    def start(self) -> str:
        """Start it cold; returns why it did not."""
        behaviour = behaviour_of(self._conf)
        refusal = self.test(self._conf)
        if self.master is not None or self.workers or behaviour == "unbindable":
            refusal = "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)"
        if refusal or behaviour == "fatal":
            return refusal or "nginx: [alert] killed"
        self.master = self._process("nginx: master process nginx", 1, "", "")
        self._spawn(self._loaded(), behaviour)
        return ""

    def stop(self) -> None:
        """End the master and all workers at once, as a power cut does."""
        self.kill_master()
        for worker in list(self.workers):
            self._end(worker)

    def kill_master(self) -> None:
        """Let the master die; its workers go on, and hold its ports."""
        if self.master is not None:
            self._end(self.master)

    def end(self, pid: int) -> None:
        """End one process. Raises ``ProcessLookupError``."""
        found = [process for process in [self.master, *self.workers] if process is not None and process.pid == pid]
        if not found:
            raise ProcessLookupError(pid)
        self._end(found[0])

    def reload(self, pid: int) -> None:
        """Take the signal that asks for a reload. Raises ``ProcessLookupError``."""
        if self.master is None or self.master.pid != pid:
            raise ProcessLookupError(pid)
        behaviour, loaded, master = behaviour_of(self._conf), self._loaded(), self.master
        if behaviour == "refused":
            self._note("emerg", 'unknown directive "oops"')
        elif behaviour == "unbindable":
            self._note("emerg", "bind() to 0.0.0.0:80 failed (98: Address already in use)")
            self._clock.after(2.5, lambda: self._note("emerg", "still could not bind()"))
        elif behaviour == "fatal":
            self._clock.after(_STARTS, lambda: self._end(master))
        elif behaviour != "ignored":
            self._clock.after(_STARTS, lambda: self._renew(master, loaded, behaviour))

    def _renew(self, master: Process, loaded: str, behaviour: str) -> None:
        if self.master is not master:
            return
        old = self.serving
        self._spawn(loaded, behaviour)
        self._clock.after(_STOPS_LISTENING - _STARTS, lambda: self._drain(old))
        self._clock.after(_DRAINED - _STARTS, lambda: self._end_all(old))

    def _spawn(self, loaded: str, behaviour: str) -> None:
        assert self.master is not None
        new = [self._process("nginx: worker process", self.master.pid, loaded, behaviour) for _ in range(_WORKERS)]
        self.workers += new
        self._list_children()
        if behaviour == "dying":
            self._clock.after(_STARTS, lambda: self._die(new))

    def _drain(self, workers: list[Process]) -> None:
        for worker in workers:
            if worker in self.workers:
                worker.draining = True
                self._title(worker.pid, "nginx: worker process is shutting down")

    def _die(self, workers: list[Process]) -> None:
        for worker in workers:
            if worker in self.workers:
                self._note("alert", f"worker process {worker.pid} exited with fatal code 2 and cannot be respawned")
                self._end(worker)

    def _end_all(self, workers: list[Process]) -> None:
        for worker in workers:
            self._end(worker)

    def _end(self, process: Process) -> None:
        if process is self.master:
            self.master = None
        elif process in self.workers:
            self.workers.remove(process)
            self._list_children()
        shutil.rmtree(self._proc / str(process.pid), ignore_errors=True)

    def _loaded(self) -> str:
        try:
            return release_id(read_tree(self._conf.resolve()))
        except (OSError, SluiceError) as error:
            return f"no tree: {error}"

    def _process(self, title: str, parent: int, loaded: str, behaviour: str) -> Process:
        self._last_pid += 1
        made = Process(self._last_pid, round(self._clock.monotonic * 100), loaded, behaviour)
        folder = self._proc / str(made.pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "ns" / "pid").symlink_to("pid:[1]")
        (folder / "root").symlink_to("/")
        (folder / "exe").symlink_to(self._binary)
        # Workers have the master's user here, as nobody could make files of another one.
        (folder / "status").write_text(f"Name:\tnginx\nUid:\t{os.geteuid()}\t{os.geteuid()}\t0\t0\n")
        (folder / "task" / str(made.pid)).mkdir(parents=True)
        (folder / "task" / str(made.pid) / "children").touch()
        self._title(made.pid, title)
        fields = ["S", str(parent), *(["0"] * 17), str(made.started), "0"]
        (folder / "stat").write_text(f"{made.pid} (nginx) {' '.join(fields)}\n")
        for kind in ("fd", "fdinfo"):
            (folder / kind).mkdir()
        (folder / "fd" / "2").symlink_to(self._log)
        (folder / "fdinfo" / "2").write_text("pos: 0\nflags: 0102001\n")
        return made

    def _title(self, pid: int, title: str) -> None:
        (self._proc / str(pid) / "cmdline").write_bytes(title.encode() + b"\0")

    def _list_children(self) -> None:
        if self.master is not None:
            children = self._proc / str(self.master.pid) / "task" / str(self.master.pid) / "children"
            children.write_text(" ".join(str(worker.pid) for worker in self.workers))

    def _note(self, level: str, text: str) -> None:
        pid = self.master.pid if self.master else 1
        with self._log.open("a") as log:
            log.write(f"2026/03/01 00:00:00 [{level}] {pid}#{pid}: {text}\n")
