"""What answers at a URL of monitoring has this machine ask nobody else, and is bounded in size and time."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import web_answers
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.asking import Look, ask_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.silences import close_silence, open_silence
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem import alerts
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.alerts import Alert, ask_prometheus, incidents
from ansible_collections.sluice.nginx.plugins.module_utils.web_answers import opened, read_json

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Served:
    """``location`` is where it leads to, empty where it answers ``body``, part by part; what it was asked, and with
    which header.
    """

    def __init__(self) -> None:
        self.location = ""
        self.status = 302
        self.body: Callable[[], Iterator[bytes]] = lambda: iter([b"[]"])
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers["Authorization"]))
                if outer.location and not self.path.startswith("/end"):
                    self.send_response(outer.status)
                    self.send_header("Location", outer.location)
                    self.end_headers()
                    return
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):
                    for part in outer.body():
                        self.wfile.write(part)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def other() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("20261121T150000-ab12", str(tmp_path), "ann", "desk", "2026-11-21T15:00:00.000Z")


def _look(served: Served, tmp_path: Path) -> Look:
    row = {"alertmanager": served.url, "headers": {"Authorization": "Bearer S3CR3T"}}
    (look,) = ask_alarms(read_alarms([row], ""), tmp_path)
    return look


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_is_not_followed(
    served: Served, other: Served, tmp_path: Path, run: Run, status: int
) -> None:
    """It took the header along, to whatever the network of the controller has."""
    served.location, served.status = f"{other.url}/end", status
    assert f"it answers with status {status}" in _look(served, tmp_path).trouble
    with pytest.raises(SluiceError, match=f"refused the question: {status}"):
        ask_prometheus(served.url, NOW, NOW + timedelta(minutes=1))
    assert f"answers with status {status}" in open_silence(served.url.replace("//", "//ann:S3CR3T@"), run, ["a"], 5)
    assert other.asked == []


@pytest.mark.parametrize(
    "location",
    ["http://localhost:{port}/end", "http://ann@127.0.0.1:{port}/end", "http://127.0.0.1:99999/end", "http://[::1"],
)
def test_nor_is_one_to_what_is_no_place_of_that_server(served: Served, location: str) -> None:
    served.location = location.format(port=served.port)
    with pytest.raises((urllib.error.HTTPError, ValueError)):
        opened(served.url, {}, 2.0)
    assert len(served.asked) == 1


def test_one_within_the_server_is(served: Served) -> None:
    served.location = "/end?a=b"
    with opened(f"{served.url}/x", {"Authorization": "Basic a"}, 2.0) as answer:
        assert read_json(answer) == []
    assert served.asked == [("/x", "Basic a"), ("/end?a=b", "Basic a")]


def test_a_redirect_without_an_end_ends(served: Served) -> None:
    served.location = "/again"
    with pytest.raises(urllib.error.HTTPError):
        opened(served.url, {}, 2.0)
    assert len(served.asked) == 4


def test_an_answer_without_an_end_is_trouble(served: Served, run: Run) -> None:
    """All of it was read, by those who open a silence and who ask what fired."""
    sent = itertools.count()

    def endless() -> Iterator[bytes]:
        while next(sent) < 2000:
            yield b" " * (1 << 20)

    served.body = endless
    assert "8 MiB" in open_silence(served.url, run, ["a"], 5, longest=20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(alerts, "_MOST_BYTES", 8 << 20)
        with pytest.raises(SluiceError, match="8 MiB"):
            ask_prometheus(served.url, NOW, NOW + timedelta(minutes=1))
    assert next(sent) < 100


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "_WHOLE", 0.5)

    def slow() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.1)
            yield b" "

    served.body = slow
    began = time.monotonic()
    with pytest.raises(SluiceError, match="does not answer"):
        ask_prometheus(served.url, NOW, NOW + timedelta(minutes=1))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "body", [b'{"status": "x"}', b'{"status": 5}', b"[" * 100_000, b'{"startsAt": [], "status": {}}']
)
def test_what_is_no_silence_is_said(served: Served, run: Run, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """It ended a thread, whose traceback stood on the terminal."""
    served.body = lambda: iter([b'{"silenceID": "a"}'])
    assert open_silence(served.url, run, ["a"], 5) == ""
    served.body = lambda: iter([body])
    assert "does not answer" in close_silence(served.url, run)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("kept", ["{}", "[]", "5", "[" * 100_000])
def test_a_note_of_a_silence_that_is_none_ends_none(served: Served, run: Run, kept: str) -> None:
    Path(run.folder, "silence.json").write_text(kept, encoding="utf-8")
    assert close_silence(served.url, run) == ""
    assert served.asked == []


def test_many_alerts_at_once_are_put_together_in_time() -> None:
    each = Alert("a", {}, NOW, NOW, NOW, True)
    began = time.process_time()
    assert len(incidents([each] * 20_000)) == 1
    assert time.process_time() - began < 3


def test_what_is_labelled_at_length_is_cut(served: Served, tmp_path: Path) -> None:
    from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import before

    served.body = lambda: iter([b'[{"labels": {"a": "' + b"x" * 1_000_000 + b'"}}]'])
    problems = before([_look(served, tmp_path)])["problems"]
    assert len(problems[0]["what"]) < 1000


def test_what_fails_on_the_thread_is_raised_here() -> None:
    def ask() -> int:
        raise KeyError("a")

    with pytest.raises(KeyError):
        web_answers.in_time(1, ask)
    with pytest.raises(TimeoutError):
        web_answers.in_time(0.05, lambda: time.sleep(1))
