"""A roll-out on simulated hosts: real ``ansible-playbook`` runs, a slice each, a real store, and what it took."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreFault, StoreLogin
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.commands import PUSH

from ..host import PROJECT
from ..racing.measuring import Cost, below, measure
from .releases import made_release

__all__ = ["CONFIRM_TIMEOUT", "Fleet", "Slice", "Traffic", "names_of"]

CONFIRM_TIMEOUT = 600
"""Seconds. 20 controllers share the processors of one machine here, where each has its own otherwise."""
_WAIT = 2400
_BAKE = 1
_MOST_SECONDS = 3000.0
_SAMPLES = 1.0
_STARTS = 60.0
_NAME = "simulated"


@dataclass(frozen=True)
class Slice:
    """What a run took: ``phases`` are seconds by what its journal noted, ``decided`` whether it took the decision."""

    number: int
    hosts: int
    cost: Cost
    phases: Mapping[str, float] = field(default_factory=dict)
    decided: bool = False


@dataclass(frozen=True)
class Traffic:
    """What a store was sent and sent itself, and what it took: ``memory`` in MiB, ``cpu`` in seconds."""

    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    memory: float
    cpu: float


def names_of(hosts: int) -> list[str]:
    """Return the names of so many hosts."""
    return [f"web{number:05}.example" for number in range(1, hosts + 1)]


class _Process:
    """A process of ours, ended by its own id."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        with log.open("wb") as stream:
            self.process = subprocess.Popen(argv, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def end(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def took(self) -> tuple[float, float]:
        """Return the processor time that it has had, in seconds, and the peak of its memory, in MiB."""
        folder = Path("/proc", str(self.process.pid))
        ticks = folder.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
        status = folder.joinpath("status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), peak


class _Store:
    """A server of NATS with its page of figures."""

    def __init__(self, folder: Path) -> None:
        self._port, self._page = _free_port(), _free_port()
        self.url = f"nats://127.0.0.1:{self._port}"
        program = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise SluiceError("nats-server is missing here; install the package nats-server")
        address = ["--addr", "127.0.0.1", "--port", str(self._port), "--http_port", str(self._page)]
        argv = [program, *address, "--jetstream", "--store_dir", str(folder / "store")]
        self._process = _Process(argv, folder / "store.log")
        until = time.monotonic() + _STARTS
        while True:
            try:
                open_store(StoreLogin(self.url)).get("ready")
                return
            except StoreFault as error:
                if time.monotonic() > until:
                    raise SluiceError(f"the store does not start: {error}") from error
            time.sleep(0.1)

    def traffic(self) -> Traffic:
        """Return what it was sent, and what it took."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/varz", timeout=10) as answer:
            told = json.load(answer)
        cpu, memory = self._process.took()
        return Traffic(told["in_msgs"], told["out_msgs"], told["in_bytes"], told["out_bytes"], memory, cpu)

    def decided_by(self, name: str) -> tuple[str, str]:
        """Return how a roll-out ended, and by whose word."""
        found = open_store(StoreLogin(self.url)).get(f"{name}/decision")
        statement = json.loads(found.value)["statement"] if found else {}
        return str(statement.get("decision", "")), str(statement.get("by", ""))

    def end(self) -> None:
        """End it."""
        self._process.end()


class Fleet:
    """Simulated hosts, the store, and a folder for each controller. On the last host a release ``fails`` its checks.

    The slices have an inventory each, or one ``in_common`` and a ``--limit``.
    """

    def __init__(self, folder: Path, hosts: int, slices: int, *, fails: bool = False, in_common: bool = False) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.slices, self.hosts = folder, slices, names_of(hosts)
        self._fails, self._in_common = fails, in_common
        self._socket = folder / "hosts.socket"
        self._store: _Store | None = None
        self.before = ""
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        release = made_release(folder / "releases", 1, key=key)
        self.release = release.id
        self._write(key)

    def _write(self, key: Path) -> None:
        (self.folder / "push.yml").write_text(PUSH)
        shutil.copy(PROJECT / "ansible.cfg", self.folder)
        groups = {f"slice_{number}": {"hosts": dict.fromkeys(names)} for number, names in self.parts().items()}
        settings = {
            "ansible_connection": "simulated",
            "ansible_pipelining": True,
            "rollout_bake": _BAKE,
            "rollout_confirm_timeout": CONFIRM_TIMEOUT,
            "gates_signing_key": str(key),
            "gates_inventory": "simulated",
        }
        self._write_inventory("hosts", groups, settings)
        for number, names in self.parts().items():
            state = self.folder / f"slice-{number}"
            shutil.copytree(self.folder / "releases", state / "releases")
            variables: dict[str, Any] = {"sluice_state_dir": str(state), "sluice_gated": self._gated(names)}
            (self.folder / f"slice-{number}.json").write_text(json.dumps(variables))
            group = f"slice_{number}"
            self._write_inventory(f"hosts-{number}", {group: groups[group]}, settings)

    def _write_inventory(self, name: str, groups: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        inventory = {"web": {"children": groups, "vars": settings}}
        (self.folder / f"{name}.json").write_text(json.dumps(inventory))

    def _gated(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what the gates hand on."""
        return {"releases": dict.fromkeys(names, self.release), "needs": {}}

    def parts(self) -> dict[int, list[str]]:
        """Return the hosts of each slice."""
        each, more = divmod(len(self.hosts), self.slices)
        found, begin = {}, 0
        for number in range(1, self.slices + 1):
            end = begin + each + (number <= more)
            found[number] = self.hosts[begin:end]
            begin = end
        return found

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Start the hosts and the store, and end both. Raises ``SluiceError`` where one does not start."""
        failing = self.hosts[-1:] if self._fails else []
        argv = [sys.executable, "-m", "benchmarks.simulated_fleet.server", str(self._socket), *failing]
        server = _Process(argv, self.folder / "hosts.log")
        try:
            until = time.monotonic() + _STARTS
            while not self._socket.exists():
                if time.monotonic() > until or server.process.poll() is not None:
                    raise SluiceError(f"the simulated hosts do not start: {(self.folder / 'hosts.log').read_text()}")
                time.sleep(0.05)
            self._store = _Store(self.folder)
            self.before = str(self.counted()["before"])
            yield
        finally:
            server.end()
            if self._store is not None:
                self._store.end()

    def run(self) -> list[Slice]:
        """Run all slices at once, and return what each took; the memory of the first is sampled.

        Raises ``SluiceError`` with the last lines of one that does not end as it has to.
        """
        with ThreadPoolExecutor(self.slices) as threads:
            started = [threads.submit(self._slice, number) for number in self.parts()]
            try:
                costs = [each.result() for each in started]
            except BaseException:
                # The others would wait for what does not come any more.
                for pid in below(os.getpid())[1:]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                raise
        decider = self._decided()[1].partition(",")[0]
        return [
            Slice(number, len(names), cost, self._phases(number), decider == f"slice {number} of {self.slices}")
            for (number, names), cost in zip(self.parts().items(), costs, strict=True)
        ]

    def decision(self) -> str:
        """Return what was decided; nothing for a run by itself."""
        return self._decided()[0]

    def traffic(self) -> Traffic:
        """Return what the store was sent, and what it took."""
        assert self._store is not None
        return self._store.traffic()

    def _decided(self) -> tuple[str, str]:
        assert self._store is not None
        return self._store.decided_by(_NAME) if self.slices > 1 else ("", "")

    def _slice(self, number: int) -> Cost:
        assert self._store is not None
        variables: dict[str, Any] = {"rollout_store": self._store.url, "rollout_slice_timeout": _WAIT}
        if self.slices > 1:
            variables |= {"rollout_slices": self.slices, "rollout_slice": number, "rollout_name": _NAME}
        inventory = "hosts.json" if self._in_common else f"hosts-{number}.json"
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")), "push.yml", "-i", inventory,
            "--limit", f"slice_{number}", "-e", f"@slice-{number}.json", "-e", json.dumps(variables),
        ]  # fmt: skip
        if self._fails:
            # Every slice of a roll-out that is rolled back fails.
            command = ["sh", "-c", '"$@"; test $? -eq 2', "sh", *command]
        return measure(
            command, self.folder, self._environment(), self.folder / f"slice-{number}.log",
            sampled=number == 1, most=_MOST_SECONDS, between=_SAMPLES,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SLUICE_SIMULATED_FLEET": str(self._socket),
            "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).with_name("connection")),
            "ANSIBLE_NOCOLOR": "1",
        }

    def counted(self) -> dict[str, Any]:
        """Return what the hosts were asked, and what they serve. Raises ``SluiceError`` where something went wrong."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self._socket))
            stream.sendall(b"count\n")
            said = b"".join(iter(lambda: stream.recv(1 << 16), b""))
        counted = dict(json.loads(said))
        if counted["problem"]:
            raise SluiceError(f"a simulated host was asked what it does not know: {counted['problem']}")
        return counted

    def _phases(self, number: int) -> dict[str, float]:
        """Return for how many seconds each phase went on, by the journal: from the first to the last answer."""
        moments: dict[str, list[datetime]] = {}
        for journal in (self.folder / f"slice-{number}" / "runs").glob("*/journal.jsonl"):
            for line in journal.read_text(encoding="utf-8").splitlines():
                event = json.loads(line)
                moments.setdefault(event["phase"], []).append(datetime.fromisoformat(event["at"]))
        return {phase: round((max(at) - min(at)).total_seconds(), 2) for phase, at in moments.items()}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
