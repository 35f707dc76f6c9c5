"""What a host tells of itself, in all the states that a release has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.sluice.nginx.plugins.module_utils.engine.records import Pids
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.certificates import Certificates, not_after
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.exposition import Metrics
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.inspect import Looking
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.logs import Logs
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.packing import pack_program
from tests.unit.engine.conftest import new_host
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import DEADLINE, deploy, push, rewrite
from tests.unit.lint.certificates import make

__all__ = ["new_host"]

NewHost = Callable[..., SimulatedHost]


def _look(looking: Looking) -> dict[str, str]:
    """Look once: metrics with their labels, to values."""
    metrics = Metrics()
    assert looking.look(metrics) == []
    lines = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def _looking(host: SimulatedHost) -> Looking:
    return Looking(Session(host, host.layout, {"id": "monitor"}))


def _release(told: dict[str, str]) -> str:
    (found,) = [name for name in told if name.startswith("sluice_release_info")]
    return found


def test_a_host_that_was_never_deployed_to_serves_no_release(new_host: NewHost) -> None:
    told = _look(_looking(new_host()))
    assert not [name for name in told if name.startswith("sluice_release_info")]
    assert told["sluice_release_managed"] == "0"
    assert told["sluice_nginx_up"] == "1"


def test_a_confirmed_release_says_which_and_since_when(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    told = _look(_looking(host))
    assert _release(told).startswith(f'sluice_release_info{{release="{release("one").id[:12]}",pushed="20')
    assert _release(told).endswith('run="run one"}')
    assert told["sluice_release_confirmed"] == "1"
    assert told["sluice_release_pending"] == "0"
    assert told["sluice_drift_files"] == "0"
    assert told['sluice_nginx_workers{state="serving"}'] == "2"


def test_a_trial_is_told_and_the_watchdog_that_ends_it(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    looking = _looking(host)
    assert push(host, "run two", "two")["ok"]
    told = _look(looking)
    assert told["sluice_release_pending"] == "1"
    assert told["sluice_release_confirmed"] == "0"
    assert release("two").id[:12] in _release(told)
    assert told["sluice_watchdog_fired_timestamp_seconds"] == "0"
    host.wait(DEADLINE + 10)
    told = _look(looking)
    assert told["sluice_release_pending"] == "0"
    assert release("one").id[:12] in _release(told)
    assert float(told["sluice_watchdog_fired_timestamp_seconds"]) > 1e9


def test_drift_is_seen_when_it_comes_and_when_it_goes(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    looking = _looking(host)
    path = host.layout.conf / "nginx.conf"
    before = path.read_text()
    assert _look(looking)["sluice_drift_files"] == "0"
    path.write_text(f"{before}# by hand\n")
    rewrite(host)
    assert _look(looking)["sluice_drift_files"] == "2"
    path.write_text(before)
    (host.layout.conf / "conf.d/packaged.conf").unlink()
    assert _look(looking)["sluice_drift_files"] == "0"


def test_drift_of_the_same_size_and_time_is_seen(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    looking = _looking(host)
    assert _look(looking)["sluice_drift_files"] == "0"
    path = host.layout.conf / "nginx.conf"
    status = path.stat()
    path.write_text(path.read_text().replace("o", "0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert _look(looking)["sluice_drift_files"] == "1"


def test_an_nginx_that_died_is_told_with_all_the_rest(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    host.nginx.stop()
    told = _look(_looking(host))
    assert told["sluice_nginx_up"] == "0"
    assert release("one").id[:12] in _release(told)


def test_what_cannot_be_read_is_said_and_the_rest_told(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "one")
    looking = _looking(host)
    host.layout.state.write_text('{"schema": 99}')
    metrics = Metrics()
    (problem,) = looking.look(metrics)
    assert "was written by another version (schema is 99" in problem
    assert "sluice_nginx_up 1" in metrics.text().splitlines()


@pytest.mark.parametrize("ends", [datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2061, 1, 2, 3, 4, 5, tzinfo=UTC)])
def test_the_end_of_a_certificate_is_read(tmp_path: Path, ends: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "shop.pem"
    path.write_bytes(b"some words before\n" + make(["shop.example"], ends - timedelta(days=90), ends, key))
    assert Certificates().ends([str(path), str(tmp_path / "missing.pem")]) == {str(path): ends.timestamp()}


def test_a_renewed_certificate_is_read_again(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path, certificates = tmp_path / "shop.pem", Certificates()
    for year in (2031, 2032):
        ends = datetime(year, 1, 1, tzinfo=UTC)
        new = tmp_path / "new"
        new.write_bytes(make(["shop.example"], ends - timedelta(days=90), ends, key))
        new.replace(path)
        assert certificates.ends([str(path)]) == {str(path): ends.timestamp()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no certificate"),
        ("a key", "there is no certificate"),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", "base64"),
    ],
)
def test_what_is_no_certificate_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        not_after(text)


LINE = '192.0.2.7 - - [21/Nov/2026:15:00:00 +0000] "GET / HTTP/1.1" {status} 5 "-" "{agent}"\n'


def test_logs_are_counted_from_now_on_without_what_monitors_ask(tmp_path: Path) -> None:
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    access.write_text(LINE.format(status=500, agent="curl") * 3)
    error.write_text("2026/11/21 14:00:00 [emerg] 7#7: before\n")
    logs, pids = Logs(), Pids(frozenset([7]), frozenset([8]))
    logs.read([str(access), str(error)], pids)
    with access.open("a") as file:
        for status, agent in ((200, "curl"), (502, "curl"), (503, "sluice"), (200, "sluice")):
            file.write(LINE.format(status=status, agent=agent))
    with error.open("a") as file:
        file.write("2026/11/21 15:00:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address already in use)\n")
        file.write("2026/11/21 15:00:00 [crit] 8#8: *1 SSL_do_handshake() failed while SSL handshaking, client: x\n")
        file.write("2026/11/21 15:00:00 [error] 8#8: *2 connect() failed\n")
        file.write('2026/11/21 15:00:00 [crit] 8#8: *2 stat() "/x" failed (13: Permission denied), client: 192.0.2.7\n')
    logs.read([str(access), str(error)], pids)
    metrics = Metrics()
    logs.tell(metrics)
    assert [line for line in metrics.text().splitlines() if not line.startswith("#")] == [
        "sluice_http_requests_total 2",
        "sluice_http_errors_total 1",
        'sluice_nginx_severe_lines_total{level="emerg"} 1',
        'sluice_nginx_severe_lines_total{level="alert"} 0',
        'sluice_nginx_severe_lines_total{level="crit"} 0',
        'sluice_nginx_unproven_lines_total{level="emerg"} 0',
        'sluice_nginx_unproven_lines_total{level="alert"} 0',
        'sluice_nginx_unproven_lines_total{level="crit"} 0',
        'sluice_nginx_visitor_lines_total{level="emerg"} 0',
        'sluice_nginx_visitor_lines_total{level="alert"} 0',
        'sluice_nginx_visitor_lines_total{level="crit"} 1',
    ]


def test_a_visitor_cannot_raise_the_critical_alert(tmp_path: Path) -> None:
    error = tmp_path / "error.log"
    error.touch()
    logs, pids = Logs(), Pids(frozenset([7]), frozenset([8]))
    logs.read([str(error)], pids)
    forged = "2026/11/21 15:00:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
    with error.open("a") as file:
        file.write(f'2026/11/21 15:00:00 [error] 8#8: *2 open() "/srv/x\n{forged}/y" failed (2: No such file)\n')
    logs.look(pids)
    metrics = Metrics()
    logs.tell(metrics)
    assert 'sluice_nginx_severe_lines_total{level="emerg"} 0' in metrics.text()
    assert 'sluice_nginx_unproven_lines_total{level="emerg"} 1' in metrics.text()


def test_no_request_is_counted_that_a_visitor_wrote_into_an_error_log(tmp_path: Path) -> None:
    error = tmp_path / "error.log"
    error.touch()
    logs, pids = Logs(), Pids(frozenset([7]), frozenset([8]))
    for _ in range(3):
        logs.read([str(error)], pids)
        forged = LINE.format(status=500, agent="curl")
        with error.open("a") as file:
            file.write(f'2026/11/21 15:00:00 [error] 8#8: *2 open() "/srv/x\n{forged}/y" failed (2: No such file)\n')
    metrics = Metrics()
    logs.tell(metrics)
    assert "sluice_http_requests_total 0" in metrics.text()


def test_a_certificate_that_is_a_pipe_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shop.pem")
    assert Certificates().ends([str(tmp_path / "shop.pem")]) == {}


def test_labels_may_hold_anything() -> None:
    metrics = Metrics()
    metrics.gauge("a", "Help.", 1, what='say "x"\\\n', other="é")
    metrics.counter("b", "Other help.", 1795276174.04139)
    metrics.gauge("a", "Help.", 0, what="y")
    assert metrics.text().splitlines() == [
        "# HELP a Help.",
        "# TYPE a gauge",
        'a{what="say \\"x\\"\\\\\\n",other="é"} 1',
        'a{what="y"} 0',
        "# HELP b Other help.",
        "# TYPE b counter",
        "b 1795276174.04139",
    ]


def test_the_program_is_one_file_that_is_the_same_every_time_and_runs_without_site_packages(tmp_path: Path) -> None:
    program, out = tmp_path / "metrics.pyz", tmp_path / "sluice.prom"
    program.write_bytes(pack_program())
    assert pack_program() == program.read_bytes()
    assert "sluice/engine/trees/drift.py" in zipfile.ZipFile(program).namelist()
    running = subprocess.Popen([sys.executable, "-IS", str(program), str(out), "1"], stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not out.exists() and running.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert running.poll() is None, running.communicate()[1]
    finally:
        running.kill()
        running.communicate()
    assert "sluice_looked_timestamp_seconds" in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o644
