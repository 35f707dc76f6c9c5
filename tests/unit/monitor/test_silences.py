"""The silence of a deployment, at an Alertmanager that takes it, refuses it, hangs or is not there."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.silences import close_silence, open_silence

# When Alertmanager heard of it.
BEGAN = "2026-11-21T15:00:01.002Z"
HOSTS = ("web1", "web2.example")


class Alertmanager:
    """Takes silences as the real one does; ``answers`` is the status that it has for all, ``state`` a silence's."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.authorizations: list[str | None] = []
        self.answers = 200
        self.state = "active"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.paths.append(self.path)
                outer.authorizations.append(self.headers["Authorization"])
                outer.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer({"silenceID": "abc-1"})

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                self._answer({"startsAt": BEGAN, "status": {"state": outer.state}})

            def _answer(self, told: dict[str, Any]) -> None:
                body = json.dumps(told).encode()
                self.send_response(outer.answers)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    made = Alertmanager()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("20261121T150000-ab12", str(tmp_path), "ann", "desk", "2026-11-21T15:00:00.000Z")


def _minutes(silence: dict[str, Any]) -> float:
    starts, ends = (datetime.fromisoformat(silence[name]) for name in ("startsAt", "endsAt"))
    return (ends - starts) / timedelta(minutes=1)


def test_a_silence_is_for_what_is_expected_of_these_hosts_and_no_longer(alertmanager: Alertmanager, run: Run) -> None:
    assert open_silence(f"{alertmanager.url}/", run, HOSTS, 30) == ""
    (silence,) = alertmanager.taken
    assert alertmanager.paths == ["/api/v2/silences"]
    assert [(each["name"], each["value"], each["isRegex"]) for each in silence["matchers"]] == [
        ("alertname", "SluiceReleaseDiffers|SluiceReleasePending", True),
        ("host", r"web1|web2\.example", True),
    ]
    assert silence["comment"] == "run 20261121T150000-ab12 of ann from desk is on its way"
    assert _minutes(silence) == pytest.approx(30, abs=0.1)


def test_the_end_of_a_run_ends_its_silence_and_no_other(alertmanager: Alertmanager, run: Run) -> None:
    open_silence(alertmanager.url, run, HOSTS, 30)
    assert close_silence(alertmanager.url, run) == ""
    opened, closed = alertmanager.taken
    assert closed["id"] == "abc-1"
    # With other matchers, or another beginning than Alertmanager has, it would be another silence.
    assert (closed["matchers"], closed["startsAt"]) == (opened["matchers"], BEGAN)
    assert closed["endsAt"] < opened["endsAt"]
    assert alertmanager.paths[1] == "/api/v2/silence/abc-1"


def test_a_silence_that_somebody_has_ended_stays_ended(alertmanager: Alertmanager, run: Run) -> None:
    open_silence(alertmanager.url, run, HOSTS, 30)
    alertmanager.state = "expired"
    assert close_silence(alertmanager.url, run) == ""
    assert len(alertmanager.taken) == 1


def test_a_password_is_given_to_alertmanager_and_to_nobody_else(alertmanager: Alertmanager, run: Run) -> None:
    url = alertmanager.url.replace("//", "//ann:s%40cret@")
    assert open_silence(url, run, HOSTS, 30) == ""
    assert alertmanager.authorizations == ["Basic YW5uOnNAY3JldA=="]
    alertmanager.answers = 503
    said = close_silence(url, run)
    assert f"because Alertmanager at {alertmanager.url} answers" in said
    assert [path.name for path in Path(run.folder).iterdir() if "cret" in path.read_text()] == []


def test_a_run_without_a_silence_ends_none(alertmanager: Alertmanager, run: Run) -> None:
    assert close_silence(alertmanager.url, run) == ""
    assert alertmanager.taken == []


def test_one_that_refuses_is_said_and_not_asked_again(alertmanager: Alertmanager, run: Run) -> None:
    alertmanager.answers = 400
    said = open_silence(alertmanager.url, run, HOSTS, 30)
    assert said == f"nothing is silenced, because Alertmanager at {alertmanager.url} answers with status 400"
    assert close_silence(alertmanager.url, run) == ""
    assert len(alertmanager.taken) == 1


def test_one_that_went_away_meanwhile_is_said_with_the_end_of_the_silence(alertmanager: Alertmanager, run: Run) -> None:
    open_silence(alertmanager.url, run, HOSTS, 30)
    alertmanager.answers = 503
    said = close_silence(alertmanager.url, run)
    assert said.startswith(f"the silence of this run goes on until {alertmanager.taken[0]['endsAt']}, because")
    assert said.endswith("answers with status 503")


def test_a_record_that_cannot_note_it_is_said(alertmanager: Alertmanager, run: Run) -> None:
    lost = Run(run.id, "/proc/nowhere", run.who, run.host, run.started)
    assert "because its record cannot note it" in open_silence(alertmanager.url, lost, HOSTS, 30)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "does not answer: [Errno 111] Connection refused"),
        ("http://nowhere.invalid:9093", "does not answer"),
        ("127.0.0.1:9093", "does not answer: unknown url type"),
        ("http://[::1", "does not answer"),
    ],
)
def test_one_that_is_not_there_is_said(run: Run, url: str, words: str) -> None:
    said = open_silence(url, run, HOSTS, 30)
    assert said.startswith(f"nothing is silenced, because Alertmanager at {url} ")
    assert words in said


# Until a test has ended, nothing answers; who waits for an answer waits for ever.
ended = threading.Event()


def _hang(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def _drip(connection: socket.socket) -> None:
    """A byte every now and then keeps each read within its timeout, and the answer never ends."""
    try:
        while True:
            connection.send(b"H")
            if ended.wait(0.05):
                return
    except OSError:
        return


@pytest.mark.parametrize("behaves", [_hang, _drip])
def test_one_that_hangs_is_given_up(run: Run, behaves: Callable[[socket.socket], None]) -> None:
    ended.clear()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                behaves(connection)
                ended.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        said = open_silence(url, run, HOSTS, 30, longest=0.3)
        ended.set()
        thread.join()
    assert said == f"nothing is silenced, because Alertmanager at {url} did not answer within 0.3 s"
    assert close_silence(url, run) == ""
