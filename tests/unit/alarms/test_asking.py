"""Alarms are asked of a server that plays Prometheus, Alertmanager and a service."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.asking import Look, ask_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms


class Served:
    """What is answered, by path, as status and body; and what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.slow = 0.0
        self.url = ""


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found.asked.append((parts.path, parse_qs(parts.query), self.headers.get("Authorization", "")))
            time.sleep(found.slow)
            status, body = found.answers.get(parts.path, (404, b"nothing here"))
            self.send_response(status)
            self.send_header("Location", "/ok")
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


def _ask(tmp_path: Path, **row: Any) -> Look:
    (look,) = ask_alarms(read_alarms([row], ""), tmp_path)
    return look


def _prometheus(*series: dict[str, str], kind: str = "vector") -> tuple[int, bytes]:
    result = [{"metric": labels, "value": [1.0, "7.5"]} for labels in series]
    return 200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def test_each_series_that_a_query_returns_burns(served: Served, tmp_path: Path) -> None:
    served.answers["/api/v1/query"] = _prometheus({"__name__": "e", "host": "web1", "a": "b"}, {"host": "web2"})
    look = _ask(tmp_path, prometheus=served.url, query="errors > 5")
    assert [burning.labels for burning in look.burning] == [(("a", "b"), ("host", "web1")), (("host", "web2"),)]
    assert look.burning[0].text == "errors > 5 is 7.5"
    assert served.asked == [("/api/v1/query", {"query": ["errors > 5"]}, "")]


def test_a_query_that_returns_nothing_is_quiet(served: Served, tmp_path: Path) -> None:
    served.answers["/api/v1/query"] = _prometheus()
    assert _ask(tmp_path, prometheus=f"{served.url}/", query="errors > 5")[1:] == ((), "")


def test_alerts_that_are_active_burn(served: Served, tmp_path: Path) -> None:
    alert = {"labels": {"alertname": "Down", "host": "web1"}, "annotations": {"summary": "web1 is\n down"}}
    served.answers["/api/v2/alerts"] = 200, json.dumps([alert]).encode()
    (burning,) = _ask(tmp_path, alertmanager=served.url, matchers=['severity="page"', "team=~a|b"]).burning
    assert (burning.labels, burning.text) == ((("alertname", "Down"), ("host", "web1")), "web1 is down")
    ((_, asked, _),) = served.asked
    assert (asked["silenced"], asked["inhibited"], asked["active"]) == (["false"], ["false"], ["true"])
    assert asked["filter"] == ['severity="page"', "team=~a|b"]


@pytest.mark.parametrize(
    ("path", "row", "text"),
    [
        ("/ok", {}, None),
        ("/ok", {"body": "well"}, None),
        ("/ok", {"body": "good"}, "the body has no 'good'"),
        ("/ok", {"status": 204}, "status 200, expected 204"),
        ("/away", {}, "status 404, expected 200"),
        ("/away", {"status": 404, "body": "nothing"}, None),
        # A redirect is an answer, and where it leads to is another one.
        ("/moved", {}, "status 302, expected 200"),
        ("/moved", {"status": 302}, None),
    ],
)
def test_any_other_answer_than_the_expected_one_burns(
    served: Served, tmp_path: Path, path: str, row: dict[str, Any], text: str | None
) -> None:
    served.answers |= {"/ok": (200, b"all is well"), "/moved": (302, b"")}
    look = _ask(tmp_path, http=served.url + path, **row)
    assert [burning.text for burning in look.burning] == ([text] if text else [])
    assert look.trouble == ""


def test_a_service_that_does_not_answer_burns(tmp_path: Path) -> None:
    (burning,) = _ask(tmp_path, http="http://127.0.0.1:9/").burning
    assert "refused" in burning.text


@pytest.mark.parametrize(
    ("command", "texts"),
    [
        (["true"], []),
        (["sh", "-c", "echo '3 % left'; exit 4"], ["exit code 4: 3 % left"]),
        (["test", "-e", "budget"], []),
    ],
)
def test_a_command_that_fails_burns_and_runs_in_the_project(
    tmp_path: Path, command: list[str], texts: list[str]
) -> None:
    (tmp_path / "budget").touch()
    assert [burning.text for burning in _ask(tmp_path, command=command).burning] == texts


def test_names_and_headers_go_along_and_are_not_told(served: Served, tmp_path: Path) -> None:
    served.answers["/api/v2/alerts"] = 500, b"broken"
    look = _ask(tmp_path, alertmanager=served.url.replace("//", "//ada:s%40cret@"), name="pages")
    assert served.asked[0][2] == f"Basic {base64.b64encode(b'ada:s@cret').decode()}"
    assert look.trouble == "it answers with status 500: broken"
    _ask(tmp_path, alertmanager=served.url, headers={"Authorization": "Bearer secret"})
    assert served.asked[1][2] == "Bearer secret"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "it does not answer: "),
        (b"[]", "it does not answer: "),
        (json.dumps({"data": {"resultType": "scalar", "result": [1, "1"]}}).encode(), "the query returns a scalar"),
        (b'{"data": {"resultType": "vector", "result": [{}]}}', "it does not answer: 'metric'"),
        (b"[" * 100_000, "it does not answer: "),
    ],
)
def test_what_is_no_answer_is_trouble(served: Served, tmp_path: Path, body: bytes, words: str) -> None:
    served.answers["/api/v1/query"] = 200, body
    look = _ask(tmp_path, prometheus=served.url, query="errors > 5")
    assert words in look.trouble
    assert look.burning == ()


def test_who_does_not_answer_in_time_is_trouble_and_nobody_waits_for_it(served: Served, tmp_path: Path) -> None:
    served.slow = 5.0
    rows = [{"alertmanager": served.url, "timeout": 0.3}, {"command": ["sleep", "5"], "timeout": 0.3}]
    began = time.monotonic()
    looks = ask_alarms(read_alarms(rows, ""), tmp_path)
    assert time.monotonic() - began < 3
    assert [look.trouble for look in looks] == ["it did not answer within 0.3 s"] * 2
