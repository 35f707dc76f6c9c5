"""Counting requests out of access logs: whatever their format, rotated or not, and however many there are."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.log_window import lines_between
from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import Limit
from ansible_collections.sluice.nginx.plugins.module_utils.engine.timestamps import logged_at, seconds_of
from ansible_collections.sluice.nginx.plugins.module_utils.engine.traffic import TrafficCounts

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())


def line(second: int, status: int = 200, target: str = "/cart", end: str = "") -> str:
    at = datetime.fromtimestamp(second, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'1.2.3.4 - - [{at}] "GET {target} HTTP/1.1" {status} 3 "-" "curl"{end}'


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ('1.2.3.4 - - [21/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 3', 0),
        ('1.2.3.4 - - [21/Nov/2026:13:30:00 +0130] "GET / HTTP/1.1" 200 3', 0),
        ('1.2.3.4 - - [21/Nov/2026:04:00:01 -0800] "GET / HTTP/1.1" 200 3', 1),
        ('::1 - [me] [21/Nov/2026:12:00:02 +0000] "GET / HTTP/1.1" 200 3', 2),
        ('{"at":"2026-11-21T12:00:03+00:00","status":200}', 3),
        ('{"at":"2026-11-21T13:00:03+01:00","status":200}', 3),
        ('{"uri":"/a/b","time_local":"21/Nov/2026:12:00:04 +0000","status":200}', 4),
        (f'{{"msec":{NOON + 5}.123,"status":200}}', 5),
        (f'{{"msec": "{NOON + 5}.123", "status": "200"}}', 5),
        ("2026-11-21T12:00:06.500Z GET / 200", 6),
        ('1.2.3.4 - - "GET /2026/11/21 HTTP/1.1" 200 3', None),
        ("1.2.3.4 - - [21/Now/2026:12:00:00 +0000] x", None),
        ("", None),
    ],
)
def test_a_line_tells_when_it_was_written(text: str, seconds: int | None) -> None:
    assert logged_at(text) == logged_at(text, text.find(" [") + 2) == (None if seconds is None else NOON + seconds)


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2024, 2026, 2100])
@pytest.mark.parametrize("day", ["01-01", "02-28", "03-01", "12-31"])
def test_days_are_counted_as_the_calendar_does(year: int, day: str) -> None:
    text = f"{year}-{day}T23:59:58"
    assert seconds_of(text) == datetime.fromisoformat(f"{text}+00:00").timestamp()


def test_what_is_no_time_is_named() -> None:
    with pytest.raises(ValueError, match="'yesterday' is no time such as 2026-11-21T15:11:28Z"):
        seconds_of("yesterday")


def test_requests_errors_and_times_are_told_for_each_second() -> None:
    counting = TrafficCounts(NOON, NOON + 3)
    lines = [(0, 200, " rt=0.010"), (0, 200, " rt=0.030"), (2, 502, ""), (2, 200, ""), (-1, 200, ""), (3, 200, "")]
    for second, status, end in lines:
        counting.add(line(NOON + second, status, end=end), status >= 500)
    assert counting.to_json("then") == {
        "start": "2026-11-21T12:00:00Z",
        "step": 1,
        "began": "then",
        "requests": [2, 0, 2],
        "errors": [0, 0, 1],
        "ms": [20.0, None, None],
        "failing": [{"request": "GET /cart", "count": 1}],
        "unread": 0,
    }


def test_a_long_window_is_told_in_at_most_120_steps() -> None:
    counting = TrafficCounts(NOON, NOON + 1000)
    for second in range(1000):
        counting.add(line(NOON + second), False)
    told = counting.to_json("then")
    assert (told["step"], len(told["requests"]), sum(told["requests"])) == (9, 112, 1000)


def test_what_is_not_known_to_the_end_is_left_out() -> None:
    counting = TrafficCounts(NOON, NOON + 4)
    counting.known_from(NOON + 2)
    counting.known_from(NOON + 1)
    for second in range(4):
        counting.add(line(NOON + second), False)
    told = counting.to_json("then")
    assert (told["start"], told["requests"]) == ("2026-11-21T12:00:02Z", [1, 1])


def test_the_requests_that_fail_most_are_named_without_what_may_be_secret() -> None:
    counting = TrafficCounts(NOON, NOON + 1)
    targets = ["/pay?card=4111"] * 3 + [f"/{n}" for n in range(9)]
    for target in targets:
        counting.add(line(NOON, 500, target), True)
    failing = counting.to_json("then")["failing"]
    assert failing[0] == {"request": "GET /pay", "count": 3}
    assert len(failing) == 5
    assert "4111" not in json.dumps(failing)


def test_requests_that_differ_by_a_visitors_code_are_told_as_one() -> None:
    counting = TrafficCounts(NOON, NOON + 1)
    for code in ("kJ8s7Hd72hsKs92hsmKw81", "zP3t9Qa51kdLx40wqpRv27"):
        counting.add(line(NOON, 500, f"/reset/{code}"), True)
    assert counting.to_json("then")["failing"] == [{"request": f"GET /reset/{'x' * 22}", "count": 2}]


@pytest.mark.parametrize(
    ("text", "request_", "ms"),
    [
        (line(NOON, 500, end=" rt=0.250 urt=0.100"), "GET /cart", 250.0),
        (line(NOON, 500, "/?rt=9.000&request_time=9.000"), "GET /", None),
        (
            '{"t":"2026-11-21T12:00:00Z","request":"POST /a?b HTTP/2.0","status":500,"request_time":"0.004"}',
            "POST /a",
            4.0,
        ),
        (
            '{"t":"2026-11-21T12:00:00Z","method":"PUT","uri":"/a","status":500,"request_time": 1.500}',
            "PUT /a",
            1500.0,
        ),
        ('{"t":"2026-11-21T12:00:00Z","agent":"\\"request_time\\":9.000","status":500}', "?", None),
        ('1.2.3.4 - - [21/Nov/2026:12:00:00 +0000] "" 500 0', "?", None),
    ],
)
def test_formats_with_and_without_a_time_taken(text: str, request_: str, ms: float | None) -> None:
    counting = TrafficCounts(NOON, NOON + 1)
    counting.add(text, True)
    told = counting.to_json("then")
    assert ([each["request"] for each in told["failing"]], told["ms"]) == ([request_], [ms])


def test_lines_without_a_time_are_counted_apart() -> None:
    counting = TrafficCounts(NOON, NOON + 1)
    counting.add('"GET / HTTP/1.1" 200', False)
    assert (counting.to_json("then")["unread"], counting.to_json("then")["requests"]) == (1, [0])


def test_only_the_lines_around_a_window_are_read_of_a_large_log(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(f"{line(NOON + n // 10)}\n" for n in range(100_000)))
    found = list(lines_between(str(log), NOON + 5000, NOON + 5001))
    assert [found.count(line(NOON + second)) for second in (5000, 5001)] == [10, 10]
    assert len(found) < 30_000


def test_rotated_logs_are_read_oldest_first_and_old_ones_left_out(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    files = {
        "access.log": 30,
        "access.log.1": 20,
        "access.log.2.gz": 10,
        "access.log-20261121": 5,
        "access.log.3": -999,
    }
    for name, second in files.items():
        data = f"{line(NOON + second, target=f'/{name}')}\n".encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        os.utime(path, (NOON + second, NOON + second))
    (tmp_path / "access.log.bak").write_text(f"{line(NOON)}\n")
    targets = [each.split('"')[1].split()[1] for each in lines_between(str(log), NOON, NOON + 60)]
    assert targets == ["/access.log-20261121", "/access.log.2.gz", "/access.log.1", "/access.log"]


@pytest.mark.parametrize("content", [None, b"", b"no line end", b"\x1f\x8b broken"])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "access.log.1.gz").write_bytes(content)
    assert list(lines_between(str(tmp_path / "access.log"), 0, 1)) == []
    assert list(lines_between(str(tmp_path / "none/access.log"), 0, 1)) == []


def test_a_packed_log_is_unpacked_up_to_a_limit(tmp_path: Path) -> None:
    """A few hundred kilobytes may hold gigabytes of lines, or of one line."""
    written = f"{line(NOON)}\n" * 200_000
    for name, text in (("access.log.2.gz", written), ("access.log.3.gz", "x" * 200_000_000)):
        (tmp_path / name).write_bytes(gzip.compress(text.encode(), 9))
    (tmp_path / "access.log").write_text(f"{line(NOON)}\n")
    limit = Limit(8 << 20)
    tracemalloc.start()
    found = sum(1 for _ in lines_between(str(tmp_path / "access.log"), 0, 1 << 40, limit))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert limit.reached
    assert found <= 200_001
    assert peak < 64 << 20


def test_a_packed_log_is_unpacked_whole_where_it_is_no_larger(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text("")
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress((f"{line(NOON)}\n" * 100_000).encode()))
    assert sum(1 for each in lines_between(str(tmp_path / "access.log"), 0, 1 << 40) if each) == 100_000
