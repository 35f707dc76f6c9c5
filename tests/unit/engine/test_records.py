"""nginx's own words, told from what visitors make it write: every forgery that a visitor can have written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import Limit, mark
from ansible_collections.sluice.nginx.plugins.module_utils.engine.records import Pids, Records, kind_of, read_head

MASTER, WORKER, OLD = 7, 8, 6
PIDS = Pids(frozenset([MASTER]), frozenset([WORKER]), frozenset([OLD]))
AT = "2026/11/28 21:00:00"
EMERG = f"{AT} [emerg] {MASTER}#{MASTER}: bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
REQUEST = 'client: 192.0.2.7, server: shop.example, request: "GET /x HTTP/1.1", host: "shop.example"'
HONEST = f'{AT} [error] {WORKER}#{WORKER}: *3 open() "/srv/x" failed (2: No such file or directory), {REQUEST}\n'
# nginx cuts a record at so many bytes, with the line end.
CUT = 2048


def record(path: str, message: str = 'open() "{}" failed (2: No such file or directory)') -> str:
    """What nginx writes about a request for a path that it has decoded."""
    whole = f"{AT} [error] {WORKER}#{WORKER}: *3 {message.format(path)}, {REQUEST}"
    return f"{whole.encode()[: CUT - 1].decode('utf-8', 'ignore')}\n"


class Log:
    """An error log, and who reads it."""

    def __init__(self, folder: Path, before: str = HONEST) -> None:
        self.path = folder / "error.log"
        self.path.write_text(before)
        self.records = Records(mark([str(self.path)])[0])

    def write(self, text: str | bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def read(self, pids: Pids = PIDS) -> list[str]:
        return self.records.read(pids).own


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def filled(path: str) -> str:
    """A path that makes nginx cut its record right behind a forged line."""
    start = record("", '"{}" is forbidden').index('"') + 1
    return "/" + "a" * (CUT - start - len("/\n\n") - len(path)) + "\n" + path


SUFFIX = f'" failed (2: No such file or directory), {REQUEST}\n'
FORGED = {
    "a line in the middle of a path": record(f"/srv/x\n{EMERG}/y"),
    "a record's end before it, and the head of one behind it": record(
        f'/srv/x{SUFFIX}{EMERG}{AT} [error] {WORKER}#{WORKER}: *4 open() "/srv/x'
    ),
    "every pid": record("/srv/x\n" + "".join(EMERG.replace("7#7", f"{pid}#{pid}") for pid in range(1, 20)) + "/y"),
    "line ends of another system": record(f"/srv/x\r\n{EMERG[:-1]}\r\n/y"),
    "NUL": record(f"/srv/x\0\n{EMERG}\0/y"),
    "a record that is cut right behind it": record(filled(EMERG[:-1]), '"{}" is forbidden'),
    "a record that is cut within it": record(filled(EMERG[:-1] + "zzzz"), '"{}" is forbidden'),
    "what FastCGI says": record(f"PHP message: oops\n{EMERG}", 'FastCGI sent in stderr: "{}"'),
    "a worker's line": record(f"/srv/x\n{EMERG.replace('7#7', '8#8')}/y"),
    "a path as it is sent on to an upstream, at the end of a record": (
        f"{AT} [error] {WORKER}#{WORKER}: *3 connect() failed (111: Connection refused), {REQUEST[:-21]}, upstream: "
        f'"http://127.0.0.1:81/x\n{EMERG[:-1]}", host: "shop.example"\n'
    ),
    "the name of who reads mail": (
        f"{AT} [error] {WORKER}#{WORKER}: *3 auth http server 127.0.0.1:9000 timed out, client: 192.0.2.7, server: "
        f'0.0.0.0:25, login: "x\n{EMERG[:-1]}"\n'
    ),
    "what a script says in its own time": (
        f"{AT} [error] {WORKER}#{WORKER}: *3 [lua] a.lua:1: seen /x\n{EMERG[:-1]}, context: ngx.timer\n"
    ),
    "a path that is being examined": f'{AT} [debug] {WORKER}#{WORKER}: *3 http finalize: "/x\n{EMERG[:-1]} a:1, c:1\n',
    "a worker that died": record(f"/srv/x\n{AT} [alert] 7#7: worker process 8 exited on signal 11\n/y"),
}


@pytest.mark.parametrize("forgery", FORGED)
@pytest.mark.parametrize("often", [True, False], ids=["each read by itself", "read at once"])
def test_a_forged_line_is_not_nginxs_word(log: Log, forgery: str, often: bool) -> None:
    assert len(FORGED[forgery].encode()) <= CUT
    for text in (FORGED[forgery], HONEST, FORGED[forgery], FORGED[forgery]):
        log.write(text)
        assert not often or log.read() == []
    assert log.read() == []
    assert log.records.found.proven == []


def test_a_forged_line_is_told_as_one_that_may_be_forged(log: Log) -> None:
    log.write(FORGED["a line in the middle of a path"])
    log.read()
    assert log.records.found.unproven_levels == {"emerg": 1}
    assert log.records.found.unproven == [EMERG[:-1]]


def test_a_cut_record_is_as_long_as_nginx_makes_it() -> None:
    text = FORGED["a record that is cut right behind it"]
    assert (len(text.encode()), text.endswith(f"\n{EMERG}")) == (CUT, True)


def test_the_masters_line_counts_between_records_of_visitors(log: Log) -> None:
    log.write(HONEST)
    log.read()
    log.write(EMERG)
    log.write(HONEST)
    assert log.read() == [EMERG[:-1]]


def test_the_masters_line_counts_as_the_last_one_and_behind_others(log: Log) -> None:
    log.write(HONEST * 3 + EMERG)
    assert log.read() == [EMERG[:-1]]
    log.write(EMERG * 5 + HONEST)
    assert log.read() == [EMERG[:-1]] * 5


def test_a_line_amid_those_of_visitors_is_unproven_and_is_told(log: Log) -> None:
    log.write(HONEST + EMERG + HONEST)
    assert log.read() == []
    assert log.records.found.unproven == [EMERG[:-1]]


def test_a_true_line_is_seen_beside_a_visitor_who_forges_all_the_time(log: Log) -> None:
    seen = []
    for number in range(60):
        log.write(FORGED["every pid"])
        if number % 10 == 5:
            log.write(EMERG.replace("80", str(number)))
        seen += log.read()
    assert [f"0.0.0.0:{number} failed" in line for number, line in zip(range(5, 60, 10), seen, strict=True)] == [
        True
    ] * 6


@pytest.mark.parametrize("pid", [MASTER, WORKER])
def test_a_worker_counts_as_the_master_does_where_no_client_has_a_part(log: Log, pid: int) -> None:
    log.write(f"{AT} [alert] {pid}#{pid}: setrlimit() failed\n")
    assert len(log.read()) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{AT} [emerg] {OLD}#{OLD}: oops\n",
        f"{AT} [alert] {MASTER}#{MASTER}: worker process {OLD} exited on signal 9\n",
        f"{AT} [emerg] 99#99: invalid parameter, says an `nginx -t` of somebody's\n",
        f"{AT} [emerg] ²#²: oops\n",
        f"{AT} [alert] {WORKER}#{WORKER}: 512 worker_connections are not enough\n",
        f"{AT} [crit] {WORKER}#{WORKER}: accept4() failed (24: Too many open files)\n",
        f'{AT} [crit] {WORKER}#{WORKER}: ngx_slab_alloc() failed: no memory in SSL session shared cache "SSL"\n',
        f'{AT} [alert] {WORKER}#{WORKER}: could not allocate node in limit_req zone "one"\n',
        f'{AT} [crit] {WORKER}#{WORKER}: *1 stat() "/p/worker process ²5 exited" failed (13: …), {REQUEST}\n',
        f"{AT} [crit] {WORKER}#{WORKER}: *7 SSL_do_handshake() failed (SSL: x) while SSL handshaking, client: ::1\n",
        f"{AT} [error] {MASTER}#{MASTER}: oops\n",
    ],
)
def test_what_does_not_count_at_once(log: Log, line: str) -> None:
    log.write(line)
    assert log.read() == []


def test_lines_about_visitors_are_counted_by_kind(log: Log) -> None:
    for number in range(3):
        path = f'/srv/private/{number}", client: 6.6.6.6'
        log.write(f'{AT} [crit] 8#8: *{number} stat() "{path}" failed (13: Permission denied), {REQUEST}\n')
    log.write(f"{AT} [crit] 99#99: *1 of another process, {REQUEST}\n")
    log.read()
    assert (sum(log.records.found.visitors.values()), log.records.found.visitor_levels) == (3, {"crit": 3})


def test_kinds_leave_out_names_numbers_and_who_asked() -> None:
    texts = [f'*{number} connect() to unix:/run/a.sock failed (13: no) "{number}", {REQUEST}' for number in (1, 22)]
    assert {kind_of(text) for text in texts} == {"connect() to unix:/run/a.sock failed (13: no)"}


@pytest.mark.parametrize("cut", range(1, len(EMERG)))
def test_a_line_that_is_being_written_waits(log: Log, cut: int) -> None:
    log.write(EMERG[:cut])
    assert log.read() == []
    log.write(EMERG[cut:])
    assert log.read() == [EMERG[:-1]]


def test_a_record_that_is_seen_half_written_at_the_end_of_a_block_is_no_end(tmp_path: Path) -> None:
    forged = record(f"/srv/x\n{EMERG}{'a' * 300}")
    half = forged.encode().index(EMERG.encode()) + len(EMERG.encode())
    log = Log(tmp_path, "x" * (4095 - half) + "\n")
    log.write(forged.encode()[:half])
    assert log.path.stat().st_size == 4096
    assert log.read() == []
    log.write(forged.encode()[half:])
    assert log.read() == []


def test_a_mark_within_a_record_proves_nothing_of_its_rest(tmp_path: Path) -> None:
    forged = record(f"/srv/x\n{EMERG}/y").encode()
    half = forged.index(EMERG.encode())
    log = Log(tmp_path, "x" * (4095 - half) + "\n" + forged[:half].decode())
    log.write(forged[half:])
    assert log.read() == []


@pytest.mark.parametrize("how", ["moved", "truncated"])
def test_rotation_in_the_middle(log: Log, how: str) -> None:
    log.write(HONEST + EMERG)
    if how == "moved":
        log.path.rename(log.path.with_name("error.log.1"))
    else:
        assert log.read() == [EMERG[:-1]]
        log.path.write_text("")
    log.write(EMERG.replace("80", "81"))
    assert log.read() == [*([EMERG[:-1]] if how == "moved" else []), EMERG.replace("80", "81")[:-1]]


def test_an_access_log_holds_no_word_of_nginx(tmp_path: Path) -> None:
    """As one without escapes, which has the path as it was decoded."""
    log = Log(tmp_path, "")
    for _ in range(3):
        log.write(f"192.0.2.7 /x\n{EMERG}")
        assert log.read() == []
    assert log.records.found.proven == []


def test_what_a_visitor_sends_never_counts_whatever_it_is(tmp_path: Path) -> None:
    """Random forgeries, read at random moments, with true lines of the master at times: only these are believed."""
    chance = random.Random(12)
    pieces = [EMERG, EMERG[:-1], HONEST, SUFFIX, "\n", "\r\n", "/a", "x" * 500, EMERG.replace("7#7", "8#8"), AT, "é"]
    log = Log(tmp_path, "")
    believed, true = [], []
    for number in range(4000):
        path = "".join(chance.choices(pieces, k=chance.randrange(1, 30)))
        log.write(record(path, chance.choice(['open() "{}" failed', '"{}" is forbidden', "{}"])))
        if not chance.randrange(20):
            true.append(f"{AT} [emerg] 7#7: true {number}")
            log.write(f"{true[-1]}\n")
        if not chance.randrange(3):
            believed += log.read()
    assert set(believed) <= set(true)
    assert len(believed) > len(true) / 4


def test_a_flood_is_read_up_to_a_limit_which_is_said(log: Log) -> None:
    log.write(HONEST * 40_000)
    limit = Limit(1 << 20)
    log.records.read(PIDS, limit)
    assert limit.reached
    log.read()
    log.write(EMERG)
    assert log.read() == [EMERG[:-1]]


def test_a_hole_of_a_terabyte_takes_no_memory_and_no_time(log: Log) -> None:
    with log.path.open("r+b") as file:
        file.truncate(1 << 40)
    limit = Limit(64 << 20, 5.0)
    assert log.records.read(PIDS, limit).own == []
    assert limit.reached


@pytest.mark.parametrize(
    ("line", "is_head"),
    [
        (EMERG.encode(), True),
        (b"", False),
        (b"2026/11/28 21:00:00 [emerg] 7#7:", False),
        (b"2026/11/28 21:00:00 [emerg] 7: x", False),
        (b"2026/11/28 21:00:0x [emerg] 7#7: x", False),
        (b"2026/11/28 21:00:00 [emerg] " + b"9" * 5000 + b"#7: x", False),
        (b"\xff\xfe/\x00/ [emerg] 7#7: x", False),
        ("2026/11/28 21:00:00 [emerg] ²#7: x".encode(), False),
        ("\u0662026/11/28 21:00:00 [emerg] 7#7: x".encode(), False),
    ],
)
def test_what_begins_a_record(line: bytes, is_head: bool) -> None:
    assert (read_head(line) is not None) is is_head
