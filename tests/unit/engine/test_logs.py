"""Reading nginx's logs since a mark, and judging them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import logs
from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import Share

ALL = frozenset({"emerg", "alert", "crit"})
OLD = frozenset({10})


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("2026/01/02 03:04:05 [emerg] 5#5: bind() to 0.0.0.0:80 failed (98: Address already in use)", True),
        ("2026/01/02 03:04:05 [alert] 5#5: worker process 20 exited with fatal code 2 and cannot be respawned", True),
        ('2026/01/02 03:04:05 [crit] 20#20: *1 open() "/x" failed (13: Permission denied), client: 1.2.3.4', True),
        ("2026/01/02 03:04:05 [error] 20#20: *1 connect() failed", False),
        ("2026/01/02 03:04:05 [notice] 5#5: signal process started", False),
        ("2026/01/02 03:04:05 [crit] 10#10: *1 open() failed", False),
        ("2026/01/02 03:04:05 [alert] 5#5: worker process 10 exited on signal 9", False),
        (
            "2026/01/02 03:04:05 [crit] 20#20: *7 SSL_do_handshake() failed (SSL: bad key share) "
            "while SSL handshaking, client: 1.2.3.4, server: 0.0.0.0:443",
            False,
        ),
        (
            "2026/01/02 03:04:05 [crit] 20#20: *7 SSL_do_handshake() failed (SSL: wrong version) "
            "while SSL handshaking to upstream, client: 1.2.3.4",
            True,
        ),
        ('1.2.3.4 - - [02/Jan/2026] "GET /[emerg] HTTP/1.1" 200 3', False),
    ],
)
def test_severe(line: str, counts: bool) -> None:
    assert logs.severe([line], OLD, ALL) == ([line] if counts else [])


def test_levels_are_chosen() -> None:
    assert logs.severe(["2026/01/02 03:04:05 [crit] 5#5: x"], frozenset(), frozenset({"emerg"})) == []


def test_only_what_is_new_is_read_and_half_a_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_text("old\n")
    marks, unreadable = logs.mark([str(log)])
    assert unreadable == []
    with log.open("a") as file:
        file.write("new\nhal")
        file.flush()
        assert logs.new_lines(str(log), marks[str(log)]) == ["new"]
        file.write("f\n")
    assert logs.new_lines(str(log), marks[str(log)]) == ["half"]
    assert logs.new_lines(str(log), marks[str(log)]) == []


def test_a_log_is_read_in_parts_and_no_line_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PART", 64)
    written = ["short", "x" * 500, *(f"line {number}" for number in range(100))]
    log = tmp_path / "access.log"
    log.write_text("".join(f"{line}\n" for line in written) + "half")
    offset = [0]
    lists = list(logs.parts(str(log), offset))
    assert [line for lines in lists for line in lines] == written
    assert max(map(len, lists)) < 20
    assert offset == [log.stat().st_size - len("half")]


def test_a_log_that_comes_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    marks, unreadable = logs.mark([str(log)])
    assert logs.new_lines(str(log), marks[str(log)]) == []
    log.write_text("first\n")
    assert (unreadable, logs.new_lines(str(log), marks[str(log)])) == ([], ["first"])


def test_a_rotated_log_is_read_to_its_end_first(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("one\n")
    marks, _ = logs.mark([str(log)])
    with log.open("a") as file:
        file.write("two\n")
    log.rename(tmp_path / "access.log.1")
    log.write_text("three\n")
    before = list(marks[str(log)])
    assert logs.new_lines(str(log), marks[str(log)]) == ["two", "three"]
    assert logs.tail_before(str(log), before) == (["one"], True)


@pytest.mark.parametrize(("size", "rotated", "whole"), [(99, False, True), (99, True, False), (2 << 20, False, False)])
def test_the_tail_says_whether_it_is_all(tmp_path: Path, size: int, rotated: bool, whole: bool) -> None:
    log = tmp_path / "access.log"
    log.write_text(f"{'x' * 97}\n" * (size // 98))
    if rotated:
        (tmp_path / "access.log.1").write_text("before\n")
    marks, _ = logs.mark([str(log)])
    lines, is_whole = logs.tail_before(str(log), marks[str(log)])
    assert (set(lines), is_whole) == ({"x" * 97}, whole)


def test_a_log_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = str(tmp_path / "file" / "error.log")
    assert logs.mark([below]) == ({}, [below])


def line(status: int, agent: str = "curl") -> str:
    return f'1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /500 HTTP/1.1" {status} 3 "-" "{agent}"'


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        ([], Share(0, 0, 0)),
        ([line(200), line(502), line(404)], Share(3, 1, 0)),
        (['{"time": 1, "status": "503"}', '{"status": 200}'], Share(2, 1, 0)),
        (["nothing to see 500"], Share(0, 0, 1)),
        ([line(503, "sluice"), line(200)], Share(1, 0, 0)),
        # What visitors write there is no status.
        ([r'{"agent": "x\" 503 ", "status": 200}', r'{"agent": "x\\", "status": 502}'], Share(2, 1, 0)),
        (['"1.2.3.4" [02/Jan/2026:03:04:05 +0000] " 503 x" 400 150 "-" "-"'], Share(1, 0, 0)),
    ],
)
def test_share(lines: list[str], share: Share) -> None:
    assert logs.share(lines, '"sluice"') == share


@pytest.mark.parametrize(
    ("before", "since", "rises"),
    [
        (Share(0, 0, 0), Share(5, 5, 0), True),
        (Share(0, 0, 0), Share(4, 4, 0), False),
        (Share(100, 1, 0), Share(100, 3, 0), False),
        (Share(100, 1, 0), Share(1000, 30, 0), False),
        (Share(100, 1, 0), Share(1000, 31, 0), True),
        (Share(100, 50, 0), Share(100, 50, 0), False),
    ],
)
def test_rise(before: Share, since: Share, rises: bool) -> None:
    assert logs.rise(before, since) is rises
