"""A postmortem of a time: alerts, the hosts' logs and journals, and what runs did."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.alerts import (
    Alert,
    ask_prometheus,
    incidents,
    read_alerts,
)
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.time_range import Window, draft_window
from tests.unit.record.samples import confirmed, rolled_back, stopped

# The runs of the samples are of 03:04.
START, END = datetime(2026, 1, 2, 4, tzinfo=UTC), datetime(2026, 1, 2, 4, 30, tzinfo=UTC)
LABELS = {"alertname": "CheckFails", "host": "web1", "check": "the cart | is `empty`"}


def series(state: str, seconds: Iterable[int], **labels: str) -> dict[str, Any]:
    values = [[(START + timedelta(seconds=second)).timestamp(), "1"] for second in seconds]
    return {"metric": {"__name__": "ALERTS", "alertstate": state, **LABELS, **labels}, "values": values}


def read(*rows: Mapping[str, Any], at: datetime = END) -> list[Alert]:
    return read_alerts({"data": {"result": list(rows)}}, at)


def second_of(moment: datetime) -> int:
    return round((moment - START).total_seconds())


def told(alerts: list[Alert]) -> list[tuple[int, int, int, bool]]:
    return [(second_of(each.began), second_of(each.fired), second_of(each.last), each.over) for each in alerts]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([series("firing", range(60, 120, 5))], [(60, 60, 115, True)]),
        ([series("pending", range(50, 60, 5)), series("firing", range(60, 120, 5))], [(50, 60, 115, True)]),
        ([series("pending", range(50, 60, 5))], []),
        ([series("firing", range(1700, 1800, 5))], [(1700, 1700, 1795, False)]),
        ([series("firing", range(60, 61))], [(60, 60, 60, True)]),
        ([series("firing", range(1795, 1796))], [(1795, 1795, 1795, False)]),
        ([series("firing", [*range(60, 90, 5), *range(120, 150, 5)])], [(60, 60, 145, True)]),
        ([series("firing", [*range(60, 90, 5), *range(600, 650, 5)])], [(60, 60, 85, True), (600, 600, 645, True)]),
        (
            [series("firing", range(90, 99, 5), host="web2"), series("firing", range(60, 69, 5))],
            [(60, 60, 65, True), (90, 90, 95, True)],
        ),
    ],
)
def test_alerts_begin_fire_and_end(rows: list[dict[str, Any]], expected: list[tuple[int, int, int, bool]]) -> None:
    assert told(read(*rows)) == expected


@pytest.mark.parametrize("value", [1e30, -1e30, 1e300, float("inf"), float("nan"), "9" * 400, 10**400, None, [], "x"])
def test_a_moment_that_cannot_be_is_no_answer_of_prometheus(value: Any) -> None:
    with pytest.raises(SluiceError, match="the answer is not one of Prometheus"):
        read({"metric": {"alertstate": "firing"}, "values": [[value, "1"]]})


@pytest.mark.parametrize("answer", [None, [], {}, {"data": {}}, {"data": {"result": [{"metric": {}}]}}, "busy"])
def test_an_answer_that_is_none_is_a_sentence(answer: object) -> None:
    with pytest.raises(SluiceError, match="the answer is not one of Prometheus"):
        read_alerts(answer, END)


def test_what_is_at_the_same_time_is_one_incident() -> None:
    alerts = read(
        series("firing", range(0, 60, 5)),
        series("firing", range(50, 200, 5), host="web2"),
        series("firing", range(400, 420, 5), host="web3"),
        series("firing", range(1000, 1100, 5), host="web4"),
    )
    hosts = [[alert.labels["host"] for alert in together] for together in incidents(alerts)]
    assert hosts == [["web1", "web2", "web3"], ["web4"]]


def test_one_fault_that_several_checks_see_is_one_alert() -> None:
    alerts = read(*(series("firing", range(60 + n, 120, 5), check=f"check {n}") for n in range(5)))
    assert [alert.what for alert in alerts] == ["CheckFails (host web1, check check 0; check 1; check 2 and 2 more)"]
    assert told(alerts) == [(60, 60, 119, True)]


def window(**more: Any) -> Window:
    counted = {"start": "2026-01-02T04:00:00Z", "began": "2026-01-02T04:00:00Z", "step": 15, "unread": 0}
    counted |= {"requests": [50] * 120, "errors": [0, 0, 7] + [0] * 117, "ms": [None] * 120}
    counted["failing"] = [{"request": "GET /cart", "count": 7}]
    journal = [
        {
            "event": "watchdog",
            "at": "2026-01-02T04:01:00.000Z",
            "run": "r1",
            "release": "b" * 64,
            "of": "r1",
            "why": "late",
        },
        {"event": "step", "mark": "begin", "at": "2026-01-02T04:01:01.000Z"},
    ]
    alerts = read(series("pending", range(40, 60, 5)), series("firing", range(60, 120, 5)))
    hosts = {"web1": {"traffic": counted, "journal": journal}, "web2": {"traffic": None, "journal": []}}
    runs = [confirmed(), stopped()]
    runs[1]["run"] = {**runs[1]["run"], "id": "later", "started": START.isoformat(), "ended": END.isoformat()}
    return Window(**{"start": START, "end": END, "alerts": alerts, "hosts": hosts, "runs": runs, **more})


@pytest.mark.parametrize(
    "said",
    [
        "# Postmortem: CheckFails from 04:00:00 UTC to 04:30:00 UTC, 2 January 2026",
        "the alert ``CheckFails (host web1, check the cart | is `empty`)`` fired *(Prometheus, `ALERTS`)*",
        "**Duration**: 30 min, from 04:00:00 UTC until 04:30:00 UTC",
        "**Impact**: 7 of 6,000 requests in this time got a 5xx (0.1%)",
        "> TO ADD: the requests that web2 answered in this time",
        "- 04:00:40 what the alert",
        "- 04:01:00 web1: its watchdog takes release bbbbbbbbbbbb of run r1 back: late",
        "The last run before it that reached hosts is `20260102T030400-1f2e`, 55 min 30 s before",
        "It changed `sites-enabled/shop.conf`:",
        "The run `later` ended: stopped by the gate smoke",
        "was resolved after 1 min 15 s, at 04:01:55 UTC",
        "get: http://THE-NAME-OF-THE-SITE/cart",
        "The first 5xx in it was answered at 04:00:30 UTC, and the first alert fired 30 s later",
    ],
)
def test_what_is_said_of_a_window(said: str) -> None:
    assert said in draft_window(window())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"alerts": ()}, "# Postmortem: the time from 04:00:00 UTC to 04:30:00 UTC"),
        ({"alerts": ()}, "and no alert is known"),
        ({"runs": ()}, "No run reached hosts in the seven days before it"),
        ({"hosts": {}, "alerts": (), "runs": ()}, "Nothing is recorded in this time."),
        ({"notes": ["which alerts fired: Prometheus does not answer"]}, "- Not known: which alerts fired: Prometheus"),
        ({"runs": [rolled_back()]}, "The last run before it that reached hosts is `20260102T030400-1f2e`"),
        ({"runs": [stopped()]}, "No run reached hosts in the seven days before it"),
        ({"alerts": read(series("firing", range(1700, 1800, 5)))}, "; not over then"),
    ],
)
def test_what_is_not_known_is_said(more: dict[str, Any], said: str) -> None:
    assert said in draft_window(window(**more))


class _Prometheus(BaseHTTPRequestHandler):
    answer: tuple[int, bytes] = (200, b"")
    asked: str = ""

    def do_GET(self) -> None:
        type(self).asked = self.path
        code, body = self.answer
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def prometheus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_prometheus_is_asked_for_every_sample_of_the_time(prometheus: str) -> None:
    body = {"status": "success", "data": {"resultType": "matrix", "result": [series("firing", range(60, 120, 5))]}}
    _Prometheus.answer = (200, json.dumps(body).encode())
    found = ask_prometheus(prometheus, START, END)
    assert told(found) == [(60, 60, 115, True)]
    assert _Prometheus.asked == "/api/v1/query?query=ALERTS%5B1800s%5D&time=1767328200.000"


@pytest.mark.parametrize(
    ("answer", "words"),
    [((503, b"no"), "refused the question: 503"), ((200, b"<html>"), "does not answer"), ((200, b"{}"), "is not one")],
)
def test_a_prometheus_that_is_none_is_a_sentence(prometheus: str, answer: tuple[int, bytes], words: str) -> None:
    _Prometheus.answer = answer
    with pytest.raises(SluiceError, match=words):
        ask_prometheus(prometheus, START, END)


@pytest.mark.parametrize(("url", "words"), [("mon1:9090", "is no address"), ("http://127.0.0.1:1", "does not answer")])
def test_a_prometheus_that_is_not_there_is_a_sentence(url: str, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        ask_prometheus(url, START, END)
