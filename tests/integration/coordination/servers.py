"""Real servers of stores, on free ports of this machine, ended by their own process ids."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreFault, StoreLogin
from tests.commands import make_certificate

__all__ = ["KINDS", "Server", "certificates", "etcd", "free_port", "nats", "unused"]

_PACKAGES = {"nats-server": "nats-server", "etcd": "etcd-server"}
_PATIENT = 30.0


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that nobody has now."""
    with socket.socket() as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing here; install the package {_PACKAGES[name]}"
    return found


class Server:
    """A server that can be killed, started again on its data, stopped and continued."""

    def __init__(self, kind: str, argv: list[str], url: str, log: Path, env: Mapping[str, str]) -> None:
        self.kind, self.url = kind, url
        self._argv, self._log, self._env = argv, log, env
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self._env}
            )

    def ready(self, login: StoreLogin) -> None:
        """Wait until it answers."""
        until, said = time.monotonic() + _PATIENT, ""
        while time.monotonic() < until:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            try:
                open_store(login).get("ready")
                return
            except StoreFault as error:
                said = str(error)
            time.sleep(0.1)
        raise AssertionError(f"{said}\n{self._log.read_text()}")

    def kill(self) -> None:
        """Kill it; its data stay."""
        if self._process is not None:
            self.go_on()
            self._process.kill()
            self._process.wait()
        self._process = None

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # Threads that are at work stop a moment later.
        states = Path(f"/proc/{self._process.pid}/task")
        until = time.monotonic() + 5
        while any((task / "stat").read_text().rpartition(")")[2].split()[0] != "T" for task in states.iterdir()):
            assert time.monotonic() < until, "the server does not stop"
            time.sleep(0.01)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def nats(folder: Path, *options: str, address: str = "127.0.0.1", scheme: str = "nats") -> Iterator[Server]:
    """A server of NATS with JetStream, with more ``options``."""
    port = free_port(address)
    argv = [_program("nats-server"), "--addr", address, "--port", str(port), *options]
    if "--no-jetstream" in options:
        argv.remove("--no-jetstream")
    else:
        argv += ["--jetstream", "--store_dir", str(folder / "data")]
    folder.mkdir(parents=True, exist_ok=True)
    server = Server("nats", argv, f"{scheme}://{address}:{port}", folder / "log", {})
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def etcd(folder: Path, *options: str, address: str = "127.0.0.1", scheme: str = "etcd") -> Iterator[Server]:
    """A server of etcd, with more ``options``."""
    port, peers = free_port(address), free_port()
    web = "https" if scheme.endswith("tls") else "http"
    argv = [_program("etcd"), "--data-dir", str(folder / "data"), "--log-level", "warn"]
    argv += [f"--listen-client-urls={web}://{address}:{port}", f"--advertise-client-urls={web}://{address}:{port}"]
    argv += [f"--listen-peer-urls=http://127.0.0.1:{peers}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}"]
    argv += [f"--initial-cluster=default=http://127.0.0.1:{peers}", *options]
    folder.mkdir(parents=True, exist_ok=True)
    server = Server("etcd", argv, f"{scheme}://{address}:{port}", folder / "log", {"ETCD_UNSUPPORTED_ARCH": "arm64"})
    try:
        yield server
    finally:
        server.kill()


KINDS: dict[str, Callable[..., contextlib.AbstractContextManager[Server]]] = {"nats": nats, "etcd": etcd}


def unused() -> str:
    """Return an address at which nobody listens."""
    return f"127.0.0.1:{free_port()}"


def certificates(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine that signs itself; returns it and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "server.pem", folder / "server.key"
    make_certificate("store", certificate, key, "127.0.0.1")
    return certificate, key
