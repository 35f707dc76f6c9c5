from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates.reload import run
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject, Verdict

FORTH = "a reload from the live release into this one"
BACK = "the rollback, a reload into the live release"
PLAIN = "http {\n server { listen 80; }\n}"
LOST = {"listener": "*:80", "problem": "Connection reset by peer", "step": FORTH, "seconds": 0.1}

Ask = Callable[..., tuple[Verdict, "_Stage"]]


class _Stage:
    """Answers as the agent would, one answer after the other."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = answers

    def start(self) -> dict[str, Any]:
        return {"seconds": 0.5}

    def tree(self, identity: str) -> str:
        return f"/releases/{identity[:1]}"

    def ask(self, what: str, about: list[Mapping[str, Any]]) -> dict[str, Any]:
        assert what == "reload"
        self.asked.append(dict(about[0]))
        return self._answers.pop(0)


def _step(to: str, **other: Any) -> dict[str, Any]:
    good = {"to": to, "seconds": 0.6, "problem": "", "lines": [], "drained": True}
    return {**good, "sockets": {"cold": {"tcp *:80": 1}, "reloaded": {"tcp *:80": 1}}, **other}


def _answer(*steps: dict[str, Any], **other: Any) -> dict[str, Any]:
    good = {
        "unstarted": "",
        "unrestored": "",
        "asked": ["*:80"],
        "answered": 60,
        "failures": [],
        "quic": 0,
        "unwatched": {},
    }
    return {**good, "steps": list(steps or (_step(FORTH), _step(BACK))), **other}


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """``ask(candidate, live, *answers)``: what the gate says."""

    def config(name: str, text: str) -> Config:
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(text, encoding="utf-8")
        return parse_tree(tmp_path / name)

    def run_gate(text: str, live: str, *answers: dict[str, Any], declared: tuple[str, ...] = ()) -> tuple[Verdict, Any]:
        stage = _Stage(list(answers))
        subject = Subject(["web1"], GateOptions(declared=declared), config=config("own", text))
        subject.release = Release("a" * 64, tmp_path / "own")
        subject.live = Live(Release("b" * 64, tmp_path / "live"), config("live", live), ())
        subject.stage = cast(Stage, stage)
        return run(subject), stage

    return run_gate


def test_a_good_way_there_and_back_passes(ask: Ask) -> None:
    verdict, stage = ask(PLAIN, PLAIN, _answer())
    assert (verdict.result, verdict.findings) == ("pass", [])
    assert verdict.summary == (
        "reloaded in 0.6 s and back in 0.6 s, 60 requests on fresh connections answered, the old workers ended"
    )
    assert len(stage.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_answer(_step(FORTH), _step(BACK, problem="nginx reports a fault")), [f"{BACK} fails: nginx reports a fault"]),
        (
            _answer(_step(FORTH, drained=False), _step(BACK)),
            [f"workers of before still run long after {FORTH}"],
        ),
        (
            _answer(_step(FORTH, lines=["[crit] one", "[crit] two"]), _step(BACK)),
            [f"nginx logs a grave error during {FORTH}"],
        ),
        (_answer(unrestored="no start"), ["nginx could not be started again after the reloads"]),
        (
            _answer(_step(FORTH, sockets={"cold": {"tcp *:80": 2}, "reloaded": {"tcp *:80": 1}}), _step(BACK)),
            [f"nginx goes on with listeners of before after {FORTH}: the change of tcp *:80 is ignored"],
        ),
    ],
    ids=["back", "stuck", "logged", "not restored", "sockets"],
)
def test_what_went_wrong_is_told(ask: Ask, answer: dict[str, Any], words: list[str]) -> None:
    verdict, _ = ask(PLAIN, PLAIN, answer)
    assert verdict.result == "fail"
    assert [finding.what for finding in verdict.findings] == words


def test_lost_requests_are_looked_at_twice(ask: Ask) -> None:
    lost = _answer(failures=[LOST, LOST])
    verdict, stage = ask(PLAIN, PLAIN, lost, _answer())
    assert (verdict.result, len(stage.asked)) == ("pass", 2)


def test_lost_requests_that_are_lost_again_fail(ask: Ask) -> None:
    verdict, _ = ask(PLAIN, PLAIN, _answer(failures=[LOST]), _answer(failures=[LOST, LOST]))
    (finding,) = verdict.findings
    assert (verdict.result, finding.what) == ("fail", f"2 requests on fresh connections failed during {FORTH}")
    assert finding.actual == "*:80: Connection reset by peer"


def test_a_live_release_that_does_not_run_decides_nothing(ask: Ask) -> None:
    verdict, _ = ask(PLAIN, PLAIN, _answer(unstarted="nginx does not start from /x: no such file"))
    assert verdict.result == "inconclusive"
    assert "the live release does not run in staging: nginx does not start" in verdict.summary


@pytest.mark.parametrize(
    ("text", "line", "place", "fix"),
    [
        (
            "http {\n server { listen 81; }\n server { listen 10.0.0.1:8080; }\n}",
            "[emerg] 1#1: bind() to 10.0.0.1:8080 failed (98: Address already in use)",
            "nginx.conf:3",
            "go by two releases",
        ),
        (
            "http {\n server { listen 10.0.0.1; }\n}",
            "[emerg] 1#1: bind() to 10.0.0.1:80 failed (98: Address already in use)",
            "nginx.conf:2",
            "go by two releases",
        ),
        (
            "http {\n limit_req_zone $uri zone=few:1m rate=1r/s;\n}",
            '[emerg] 1#1: limit_req "few" uses the "$uri" key while previously it used the "$args" key',
            "nginx.conf:2",
            "give the zone a new name",
        ),
        (
            "http {\n proxy_cache_path /x keys_zone=pages:1m;\n}",
            '[emerg] 1#1: cache "pages" had previously different levels',
            "nginx.conf:2",
            "give the zone a new name",
        ),
        (
            "http {\n upstream app {\n zone app 64k;\n server a:1;\n }\n}",
            '[emerg] 1#1: the shared memory zone "app" is already declared for a different use',
            "nginx.conf:3",
            "give the zone a new name",
        ),
        (
            "worker_rlimit_nofile 8;",
            "[emerg] 1#1: epoll_create() failed (24: Too many open files)",
            "nginx.conf:1",
            "raise worker_rlimit_nofile",
        ),
        ("http { }", "[emerg] 1#1: something else", "", ""),
    ],
)
def test_the_culprit_line_and_the_fix_are_found(ask: Ask, text: str, line: str, place: str, fix: str) -> None:
    verdict, _ = ask(text, PLAIN, _answer(_step(FORTH, problem="nginx reports a fault", lines=[line, line])))
    finding = verdict.findings[0]
    assert (finding.place, finding.nginx) == (place, line)
    assert fix in finding.fix


@pytest.mark.parametrize(
    ("before", "after", "declared", "result"),
    [
        ("", "", (), "pass"),
        ("pid /run/nginx.pid;", "", (), "pass"),
        ("pid /var/run/nginx.pid;", "pid /run/nginx.pid;", (), "pass"),
        ("pid /run/nginx.pid;", "pid /run/shop.pid;", (), "fail"),
        ("pid /run/nginx.pid;", "pid /run/shop.pid;", ("file:/run/shop.pid",), "pass"),
        ("pid /run/nginx.pid;", "pid /run/shop.pid;", ("/run/shop.pid",), "pass"),
        ("pid /run/nginx.pid;", "pid /run/shop.pid;", ("file:/run/other.pid",), "fail"),
    ],
)
def test_a_pid_file_that_moves_is_a_fault_unless_it_was_declared(
    ask: Ask, before: str, after: str, declared: tuple[str, ...], result: str
) -> None:
    verdict, _ = ask(f"{after}\n{PLAIN}", f"{before}\n{PLAIN}", _answer(), declared=declared)
    assert verdict.result == result
    assert all("the pid file moves from" in finding.what for finding in verdict.findings)


@pytest.mark.parametrize(
    ("own", "live", "words"),
    [
        ("listen 80; listen 81;", "listen 80; listen 82;", ["*:80"]),
        ("listen 443 ssl;", "listen 443 ssl;", ["*:443"]),
        ("listen 443 quic; listen unix:/x;", "listen 443 quic; listen unix:/x;", ["*:443 (QUIC)", "unix:/x"]),
        ("listen [::]:80;", "listen 80;", []),
        (" ".join(f"listen {port};" for port in range(1, 33)),) * 2 + ([f"*:{port}" for port in range(1, 33, 4)],),
    ],
)
def test_requests_go_where_both_releases_listen(ask: Ask, own: str, live: str, words: list[str]) -> None:
    _, stage = ask(f"http {{ server {{ {own} }} }}", f"http {{ server {{ {live} }} }}", _answer())
    assert [listener["words"] for listener in stage.asked[0]["listeners"]] == words


def test_a_listener_is_asked_as_it_wants_to_be(ask: Ask) -> None:
    text = """
    http { server { listen [::]:443 ssl proxy_protocol; server_name _ shop.example; } }
    stream { server { listen 5432; } server { listen 53 udp; } }
    """
    _, stage = ask(text, text, _answer())
    http, stream = stage.asked[0]["listeners"]
    assert (http["address"], http["tls"], http["proxied"], http["name"]) == ("::1", True, True, "shop.example")
    assert (stream["address"], stream["port"], stream["http"]) == ("127.0.0.1", 5432, False)


QUIC = "http {\n server { listen 443 quic reuseport; listen 443 ssl; server_name a.example; }\n}"
OVER_QUIC = {"listener": "*:443 (QUIC)", "problem": "no answer", "step": FORTH, "seconds": 1.5, "quic": True}


def test_a_quic_listener_is_asked_beside_the_one_of_tls(ask: Ask) -> None:
    verdict, stage = ask(QUIC, QUIC, _answer(quic=40))
    (asked,) = stage.asked
    assert [(each["words"], each.get("quic", False)) for each in asked["listeners"]] == [
        ("*:443 (QUIC)", True),
        ("*:443", False),
    ]
    assert "60 requests on fresh connections answered, 40 connections over QUIC" in verdict.summary


def test_new_connections_that_old_workers_get_are_told_and_stop_nothing(ask: Ask) -> None:
    """So is nginx's every reload, whatever is changed; a gate that fails each time is switched off."""
    verdict, stage = ask(QUIC, QUIC, _answer(failures=[{**OVER_QUIC, "after": False}]))
    assert (verdict.result, len(stage.asked)) == ("pass", 1)
    (finding,) = verdict.findings
    assert finding.warning
    assert f"1 new connection over QUIC got no answer during {FORTH}, while an old worker had" in finding.what
    for word in ("nginx 1.31", "Angie", "quic_bpf", "restart nginx", "worker_shutdown_timeout"):
        assert word in finding.fix


def test_new_connections_that_fail_when_the_reload_is_done_fail_the_gate(ask: Ask) -> None:
    lost = _answer(failures=[{**OVER_QUIC, "after": True}])
    verdict, stage = ask(QUIC, QUIC, lost, lost)
    assert (verdict.result, len(stage.asked)) == ("fail", 2)
    assert f"1 new connection over QUIC got no answer after {FORTH}" in verdict.findings[0].what
    assert "reuseport" in verdict.findings[0].fix


def test_a_quic_listener_that_cannot_be_watched_is_told(ask: Ask) -> None:
    why = "HTTP/3 cannot be asked for here: Python has no aioquic"
    verdict, _ = ask(QUIC, QUIC, _answer(unwatched={"*:443 (QUIC)": why}))
    (finding,) = verdict.findings
    assert (finding.what, finding.warning) == (f"HTTP/3 at *:443 (QUIC) is not watched: {why}", True)
