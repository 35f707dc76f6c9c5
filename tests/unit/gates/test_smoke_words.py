"""What the gate smoke says of logs that workers cannot write."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.match import Trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates.smoke import _of_live, _unchanged, run
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject, Verdict

CONFIG = """http {
    server {
        access_log /var/log/nginx/${host}.access.log;
        access_log /var/log/nginx/all.log;
    }
}
"""
FAILS = (
    '2030/01/01 00:00:00 [crit] 7#7: *1 open() "/var/log/nginx/a.example.access.log" failed (13: Permission denied) '
    'while logging request, client: 10.0.0.9, server: a.example, request: "GET / HTTP/1.1", host: "a.example"'
)
OTHER = FAILS.replace("while logging request", "while reading")
ELSEWHERE = FAILS.replace("a.example.access.log", "all.log.1")


def _verdict(folder: Path, *errors: str, live: object = None) -> Verdict:
    (folder / "nginx.conf").write_text(CONFIG)
    answer = {"outcomes": [{"ok": True, "problems": [], "chain": []}], "errors": list(errors)}
    staged = SimpleNamespace(ask=lambda what, rows: answer)
    check = SimpleNamespace(_asdict=dict)
    subject: Any = SimpleNamespace(
        contract=[check], staged=staged, live=live, examined=(None, parse_tree(folder)), options=None
    )
    return run(cast("Subject", subject))


@pytest.fixture(autouse=True)
def _plain_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.sluice.nginx.plugins.module_utils.gates.smoke.to_json", lambda check: {})


def test_a_log_that_workers_cannot_open_fails_a_first_release_once(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, FAILS, FAILS)
    assert verdict.result == "fail"
    (finding,) = verdict.findings
    assert (finding.file, finding.line) == ("nginx.conf", 3)
    assert finding.what == "workers cannot open the access log /var/log/nginx/${host}.access.log: Permission denied"
    assert finding.actual == "/var/log/nginx/a.example.access.log"
    assert finding.nginx == FAILS


@pytest.mark.parametrize("line", [OTHER, ELSEWHERE])
def test_other_words_are_no_fault_of_a_log(tmp_path: Path, line: str) -> None:
    assert _verdict(tmp_path, line).result == "pass"


def test_a_change_of_a_live_release_is_for_the_gate_reload(tmp_path: Path) -> None:
    assert _verdict(tmp_path, FAILS, live=object()).result == "pass"


@pytest.mark.parametrize(("fault", "unchanged"), [("unexpected end of file", ["old"]), ("", [])])
def test_where_live_starts_nowhere_its_lines_are_no_fault_of_the_change(
    tmp_path: Path, fault: str, unchanged: list[str]
) -> None:
    for name, more in (("live", ""), ("candidate", "return 302 /b; ")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(
            f"http {{ server {{ {more}\nlocation = /a {{ return 301 /a; }} }} }}"
        )
    live, config = parse_tree(tmp_path / "live"), parse_tree(tmp_path / "candidate")
    subject: Any = SimpleNamespace(live=SimpleNamespace(config=live), live_fault=fault)
    old, new = config.named("return")[1:], config.named("return")[:1]
    problems: Any = [SimpleNamespace(name="old", way=Trace(old)), SimpleNamespace(name="new", way=Trace(new))]
    assert [each.name for each in cast("Any", _unchanged(subject, problems))] == unchanged


@pytest.mark.parametrize("same", [True, False])
def test_the_live_release_itself_answers_as_it_does_in_its_only_stage(
    monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    asked: list[object] = []

    def ask(stage: object, config: object, requests: object) -> tuple[object, object, list[object]]:
        asked.append(stage)
        return requests, None, []

    monkeypatch.setattr("ansible_collections.sluice.nginx.plugins.module_utils.gates.smoke.asked_plainly", ask)
    release, other = (cast(Any, SimpleNamespace(id=name)) for name in "ab")
    only, beside = (cast(Any, SimpleNamespace(refused="")) for _ in range(2))
    subject = Subject(["web1"], GateOptions(), release=release, stage=only, live_stage=None if same else beside)
    subject.live = Live(release if same else other, cast(Any, None), ())
    assert subject.is_live == same
    assert _of_live(subject, [cast(Any, ())]) == {}
    assert asked == [only if same else beside]
