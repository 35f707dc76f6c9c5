"""The host's own monitor never tells what is old as if it were of now, and says when it is blind."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import Outcome, run_checks
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host import check_loop as module
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host import main
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.certificates import Certificates
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.check_loop import CheckLoop
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.exposition import Metrics

EVERY = 0.05


def _rows(port: int, *names: str) -> list[dict[str, Any]]:
    """Checks that only the host can ask."""
    checks = [
        {"name": name, "get": f"http://shop.example:{port}/{name}", "connect": f"127.0.0.1:{port}"} for name in names
    ]
    return [to_json(check) for check in parse_contract(checks, "nginx_checks")]


def _told(asking: CheckLoop) -> dict[str, float]:
    metrics = Metrics()
    asking.tell(metrics)
    lines = [line for line in metrics.text().splitlines() if line.startswith("sluice_check_success")]
    return {line.partition('check="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def _until(found: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes are old after a second and a half."""
    monkeypatch.setattr(module, "_TIMEOUT", 0.45)


class Upstream:
    """Answers by the path: what it is told to, or never."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | None] = {}
        self._held: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            path = connection.recv(65536).split(b" ")[1].decode().strip("/")
            answer = self.answers.get(path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if answer is None:
                self._held.append(connection)
                continue
            connection.sendall(answer)
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


_started: list[CheckLoop] = []


@pytest.fixture(autouse=True)
def _at_rest() -> Iterator[None]:
    """Threads that ask never end, so they get nothing more to do."""
    yield
    for asking in _started:
        asking.take([])
        asking._every = 3600.0
    _started.clear()


def _start(rows: list[dict[str, Any]]) -> CheckLoop:
    asking = CheckLoop(EVERY, unsafe=False)
    _started.append(asking)
    asking.take(rows)
    assert asking.keep_on() == []
    return asking


def test_an_upstream_that_breaks_and_names_no_character_set_is_a_failure(upstream: Upstream) -> None:
    asking = _start(_rows(upstream.port, "front", "other"))
    _until(lambda: _told(asking) == {"front": 1, "other": 1})
    upstream.answers["front"] = b"HTTP/1.1 500 No\r\nContent-Type: text/html; charset=idna\r\n\r\nhello"
    _until(lambda: _told(asking) == {"front": 0, "other": 1})
    assert asking.problems() == []


@pytest.mark.usefixtures("quick")
def test_a_check_that_hangs_holds_no_other(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()

    def run(checks: Any, **more: Any) -> list[Outcome]:
        if checks[0].name == "slow":
            hangs.wait(20)
        return run_checks(checks, **more)

    monkeypatch.setattr(module, "run_checks", run)
    asking = _start(_rows(upstream.port, "slow", "a", "b"))
    _until(lambda: _told(asking) == {"a": 1, "b": 1})
    _until(asking.problems)
    (problem,) = asking.problems()
    assert problem == "no outcome for 1.5 s of slow"
    upstream.answers["a"] = b"HTTP/1.1 500 No\r\n\r\n"
    _until(lambda: _told(asking) == {"a": 0, "b": 1})
    hangs.set()
    _until(lambda: _told(asking) == {"slow": 1, "a": 0, "b": 1})
    assert asking.problems() == []


@pytest.mark.usefixtures("quick")
def test_what_fails_in_asking_is_told_and_what_was_told_before_is_not(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = _start(_rows(upstream.port, "front"))
    _until(lambda: _told(asking) == {"front": 1})

    def fail(*_: Any, **__: Any) -> list[Outcome]:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(module, "run_checks", fail)
    _until(asking.problems)
    assert asking.problems()[-1] == "a check could not be asked: UnicodeError: label empty or too long"
    _until(lambda: _told(asking) == {})
    assert "no outcome for 1.5 s of front" in asking.problems()
    monkeypatch.undo()
    _until(lambda: _told(asking) == {"front": 1})
    _until(lambda: asking.problems() == [])


@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_started_anew_and_told(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: Any, **__: Any) -> list[Outcome]:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(module, "run_checks", end)
        asking = _start(_rows(upstream.port, "front"))
        _until(lambda: not all(thread.is_alive() for thread in asking._threads))
    (problem,) = asking.keep_on()
    assert problem.endswith("of 8 threads that ask had ended, and were started anew")
    _until(lambda: _told(asking) == {"front": 1})
    assert asking.keep_on() == []


def test_a_check_that_cannot_be_read_is_told_and_the_others_are_asked(upstream: Upstream) -> None:
    rows: list[Any] = [*_rows(upstream.port, "front"), {"request": {"method": "get", "url": "http://["}}, 5]
    asking = _start(rows)
    _until(lambda: _told(asking) == {"front": 1})
    assert len(asking.problems()) == 2
    assert all("a check of the release cannot be read: " in problem for problem in asking.problems())


def test_an_outcome_of_the_release_before_is_told_no_more(upstream: Upstream) -> None:
    asking = _start(_rows(upstream.port, "front"))
    _until(lambda: _told(asking) == {"front": 1})
    upstream.answers["other"] = None
    asking.take(_rows(upstream.port, "other"))
    assert _told(asking) == {}


def test_a_clock_that_jumps_makes_no_outcome_old_or_new(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = _start(_rows(upstream.port, "front"))
    _until(lambda: _told(asking) == {"front": 1})
    for jump in (-3600.0, 1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: jump)
        assert _told(asking) == {"front": 1}
        assert asking.problems() == []


def _program(tmp_path: Path) -> main.Program:
    root = tmp_path / "host"
    layout = Layout(root / "sluice", root / "nginx", root / "run", root / "units", root / "signers")
    program = main.Program(str(tmp_path / "sluice.prom"), EVERY, unsafe=False, layout=layout)
    _started.append(program.asking)
    return program


def _lines(tmp_path: Path) -> list[str]:
    return [line for line in (tmp_path / "sluice.prom").read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("owner", "name"),
    [("asking", "take"), ("asking", "keep_on"), ("asking", "tell"), ("_logs", "read"), ("_logs", "tell")],
)
def test_a_part_that_fails_is_told_and_the_rest_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], owner: str, name: str
) -> None:
    program = _program(tmp_path)

    def fail(*_: Any) -> None:
        raise ValueError("odd\x1b[2J²")

    monkeypatch.setattr(getattr(program, owner), name, fail)
    program.round()
    lines = _lines(tmp_path)
    assert "sluice_problems 1" in lines
    assert any(line.startswith("sluice_release_managed") for line in lines)
    assert r"ValueError: odd\x1b[2J²" in capsys.readouterr().err


def test_where_nothing_can_be_told_the_file_says_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path)
    program.round()
    assert len(_lines(tmp_path)) > 2

    def fail(*_: Any) -> None:
        raise UnicodeError("a fault of ours")

    class Enough(BaseException):
        """The test has seen enough."""

    def stop(_: float) -> None:
        raise Enough

    monkeypatch.setattr(program, "round", fail)
    clock = SimpleNamespace(
        monotonic=time.monotonic, time=time.time, process_time=time.process_time, strftime=time.strftime, sleep=stop
    )
    monkeypatch.setattr(main, "time", clock)
    with pytest.raises(Enough):
        program.run()
    assert [line.partition(" ")[0] for line in _lines(tmp_path)] == [
        "sluice_problems",
        "sluice_looked_timestamp_seconds",
    ]
    assert _lines(tmp_path)[0] == "sluice_problems 1"


def test_what_cannot_be_written_ends_the_program_and_leaves_nothing_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _program(tmp_path)
    program.round()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(program, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        program.run()
    assert not (tmp_path / "sluice.prom").exists()


def test_the_file_is_written_beside_no_link(tmp_path: Path) -> None:
    program, other = _program(tmp_path), tmp_path / "other"
    other.write_text("mine")
    (tmp_path / ".sluice.prom.new").symlink_to(other)
    program.round()
    assert other.read_text() == "mine"
    assert not (tmp_path / "sluice.prom").is_symlink()


def test_a_label_is_text_that_any_reader_takes(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.gauge("a", "Help.", 1, file="/etc/\udcff\x1b\r\n")
    assert metrics.text().encode().splitlines()[-1] == rb'a{file="/etc/\\udcff\\x1b\\r\n"} 1'


def test_a_certificate_that_is_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shop.pem")
    assert Certificates().ends([str(tmp_path / "shop.pem")]) == {}
