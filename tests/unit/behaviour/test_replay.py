from __future__ import annotations

import gzip
import itertools
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour import replay
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.replay import masked, read_log
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

Conf = Callable[[str], Config]

TWO = "http { server { listen 80; server_name a.example; } server { listen 80; server_name b.example; } }"
COMBINED = '192.0.2.1 - ann [21/Nov/2026:08:30:00 +0000] "{request}" 200 17 "{referer}" "{agent}"\n'


def _line(request: str, referer: str = "-", agent: str = "Mozilla/5.0") -> str:
    return COMBINED.format(request=request, referer=referer, agent=agent)


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("/a/b?page=2", "/a/b?page=2"),
        ("/reset?token=abc", "/reset?token=masked"),
        ("/x?api_key=1&page=2&Signature=f", "/x?api_key=masked&page=2&Signature=masked"),
        ("/in?next=/me&email=ann@shop.example", "/in?next=/me&email=masked"),
        ("/u/ann@shop.example/orders", "/u/masked@masked.invalid/orders"),
        ("/f/0123456789abcdef0123456789abcdef.pdf", "/f/00000000000000000000000000000000.pdf"),
        ("/f/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/f/00000000-0000-0000-0000-000000000000"),
        ("/j?t=eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJzdWIiOiIx.c2ln", None),
        ("/assets/stylesheet-of-the-whole-shop.css", "/assets/stylesheet-of-the-whole-shop.css"),
    ],
)
def test_what_could_be_a_secret_is_masked_and_its_shape_kept(target: str, plain: str | None) -> None:
    if plain is None:
        assert "eyJ" not in masked(target)
    else:
        assert masked(target) == plain


def test_a_combined_log_is_read(conf: Conf, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        _line("GET /a?x=1 HTTP/1.1", "https://a.example/from?token=1") + _line("POST /buy HTTP/1.1") + "rubbish\n"
        "b.example:80 " + _line("GET /b HTTP/1.1")
    )
    found = read_log(str(log), 10, conf(TWO))
    assert [request.url for request in found.requests] == ["http://a.example/a?x=1", "http://b.example/b"]
    assert dict(found.requests[0].headers) == {"Referer": "https://a.example/from", "User-Agent": "Mozilla/5.0"}
    assert found.said == [
        "1 of 4 lines of the log are in no known format; use combined or JSON",
        "1 request of the log asked to change something, and is not asked again",
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"request": "HEAD /j HTTP/1.1", "host": "b.example"},
        {"request_method": "HEAD", "request_uri": "/j", "http_host": "b.example:80"},
        {"method": "HEAD", "uri": "/j", "server_name": "b.example", "status": 200},
    ],
)
def test_a_json_log_is_read_by_the_names_of_its_fields(conf: Conf, tmp_path: Path, row: dict[str, object]) -> None:
    log = tmp_path / "access.json.gz"
    with gzip.open(log, "wt") as stream:
        stream.write(json.dumps(row) + "\n")
    (request,) = read_log(str(log), 10, conf(TWO)).requests
    assert request.words == "HEAD http://b.example/j"


def test_a_long_log_is_sampled_evenly_within_bounds(conf: Conf, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(_line(f"GET /{number} HTTP/1.1") for number in range(20_000)))
    found = read_log(str(log), 100, conf(TWO)).requests
    numbers = sorted(int(request.target[1:]) for request in found)
    assert 80 <= len(found) <= 100
    assert numbers[0] < 1_000
    assert numbers[-1] > 19_000
    assert max(after - before for before, after in itertools.pairwise(numbers)) < 1_000


def test_a_log_that_is_not_there_is_told(conf: Conf) -> None:
    with pytest.raises(InputError, match=r"gates_replay_log: /no/such\.log does not exist"):
        read_log("/no/such.log", 10, conf(TWO))
    assert read_log("", 10, conf(TWO)).requests == []


def test_what_is_no_file_is_refused_and_never_waited_for(conf: Conf, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no file; name an access log"):
            read_log(str(path), 10, conf(TWO))


def test_of_a_line_without_end_the_beginning_counts(conf: Conf, tmp_path: Path) -> None:
    log = tmp_path / "access.log.gz"
    with gzip.open(log, "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b"x" * (1 << 20))
        stream.write(("\n" + _line("GET /after HTTP/1.1")).encode())
    tracemalloc.start()
    found = read_log(str(log), 10, conf(TWO))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [request.target for request in found.requests] == ["/after"]
    assert peak < 16 << 20
    assert found.said == ["1 of 2 lines of the log are in no known format; use combined or JSON"]


def test_a_log_that_never_ends_is_left_at_some_point(
    conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "_MOST_LINES", 50)
    log = tmp_path / "access.log"
    log.write_text("".join(_line(f"GET /{number} HTTP/1.1") for number in range(60)))
    found = read_log(str(log), 100, conf(TWO))
    assert len(found.requests) == 50
    assert "which are read" in found.said[0]


@pytest.mark.parametrize(
    "target",
    ["/" + "a." * 16_000, "/" + "a@" * 16_000, "/" + "a" * 32_000, "/" + "-" * 32_000 + "z", "/" + "a%40" * 8_000],
)
def test_masking_takes_time_that_grows_with_the_line(target: str) -> None:
    began = time.process_time()
    masked(target)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("port", ["²", "٣", "9" * 5000])
def test_a_port_of_other_digits_is_none(conf: Conf, tmp_path: Path, port: str) -> None:
    log = tmp_path / "access.json"
    log.write_text(json.dumps({"request": "GET /j HTTP/1.1", "host": "b.example", "port": port}) + "\n")
    assert [request.host for request in read_log(str(log), 10, conf(TWO)).requests] == ["b.example"]


def test_a_target_that_nobody_can_read_is_no_line(conf: Conf, tmp_path: Path) -> None:
    log = tmp_path / "access.json"
    log.write_text('{"method": "GET", "uri": "/\\ud800"}\n{"method": "GET", "uri": "/\\u001b[2J"}\n')
    found = read_log(str(log), 10, conf(TWO))
    assert found.requests == []
    assert found.said == ["2 of 2 lines of the log are in no known format; use combined or JSON"]
