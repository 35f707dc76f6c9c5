"""A resident engine answers at its socket, each request in a fork, and ends when it should."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Answers with what it was asked, and says that the run is over where it was asked for the last time.
SCRIPT = """
import os, sys, time
from ansible_collections.sluice.nginx.plugins.module_utils.engine.resident import serve

def answer(request, bundle):
    if request == b"slow":
        time.sleep(0.5)
    if request == b"die":
        os.kill(os.getpid(), 9)
    sys.stdout.write(f"{request.decode()}+{len(bundle)} by {os.getpid()}")
    return request != b"last"

serve(sys.argv[1], answer, idle=float(sys.argv[2]), longest=float(sys.argv[3]))
"""

Resident = tuple["subprocess.Popen[bytes]", Path]
Start = Callable[..., Resident]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a resident engine; it is killed in the end."""
    started = []

    def begin(idle: float = 30, longest: float = 30) -> Resident:
        path = tmp_path / "socket"
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(idle), str(longest)])
        started.append(process)
        _wait(lambda: _connects(path))
        return process, path

    yield begin
    for process in started:
        process.kill()
        process.wait()


def _wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


def _connect(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(path))
    return line


def _begin(path: Path, request: bytes, bundle: bytes = b"", announced: int | None = None) -> socket.socket:
    return _ask(_connect(path), request, bundle, announced)


def _ask(line: socket.socket, request: bytes, bundle: bytes = b"", announced: int | None = None) -> socket.socket:
    assert line.recv(1) == b"."
    line.sendall(f"{len(request)} {len(bundle) if announced is None else announced}\n".encode() + request + bundle)
    return line


def _end(line: socket.socket) -> str:
    with line, line.makefile("rb") as told:
        return told.read().decode()


def _is_zombie(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def test_each_request_is_answered_by_a_fork_of_its_own(start: Start) -> None:
    process, path = start()
    lines = [_begin(path, b"slow", b"x" * 200_000), _begin(path, b"quick")]
    # The second one does not wait for the first one.
    quick, slow = _end(lines[1]), _end(lines[0])
    assert (slow.split(" by ")[0], quick.split(" by ")[0]) == ("slow+200000", "quick+0")
    assert len({slow.split()[-1], quick.split()[-1], str(process.pid)}) == 3


def test_it_ends_with_the_run_and_takes_its_socket_along(start: Start) -> None:
    process, path = start()
    _end(_begin(path, b"first"))
    assert process.poll() is None
    _end(_begin(path, b"last"))
    assert process.wait(20) == 0
    assert not path.exists()


def test_a_run_that_follows_at_once_keeps_it(start: Start) -> None:
    process, path = start()
    last, slow = _connect(path), _connect(path)
    _end(_ask(last, b"last"))
    _end(_ask(slow, b"slow"))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)


def test_who_waits_when_the_run_ends_is_answered(start: Start) -> None:
    process, path = start()
    last = _ask(_connect(path), b"last")
    process.send_signal(signal.SIGSTOP)
    # Stopped at the wrong moment it holds the line as well, so what is waited for is the end of the fork.
    fork = int(last.recv(4096).split()[-1])
    _wait(lambda: _is_zombie(fork))
    waits = _connect(path)
    process.send_signal(signal.SIGCONT)
    assert _end(_ask(waits, b"next")).startswith("next+0")
    assert process.poll() is None


def test_it_ends_when_nobody_asks_and_after_its_longest_time(start: Start) -> None:
    process, _ = start(idle=0.5)
    assert process.wait(20) == 0
    process, path = start(idle=30, longest=1.5)
    while process.poll() is None:
        if _connects(path):
            time.sleep(0.1)
    assert not path.exists()


def test_it_ends_when_its_socket_was_removed_or_replaced(start: Start, tmp_path: Path) -> None:
    process, path = start()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        assert process.wait(20) == 0
        # The other one's stays.
        assert path.exists()


def test_a_request_that_is_cut_short_is_not_answered(start: Start) -> None:
    process, path = start()
    line = _begin(path, b"cut", b"half", announced=9)
    line.shutdown(socket.SHUT_WR)
    assert _end(line) == ""
    assert _end(_begin(path, b"die")) == ""
    assert _end(_begin(path, b"whole")).startswith("whole+0")
    # Forks that have ended are reaped.
    _wait(lambda: not Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii"))
