"""What the gate says where nobody could be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.gates.needs import run
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Need
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject, Verdict

PORT = Need("port", "80/tcp", file="shop.conf", line=2)
APP = Need("endpoint", "app:8001", "http", file="shop.conf", line=9)
OFF = {"ok": False, "problems": [{"what": "the host cannot be reached: timed out"}]}


def _answer(*, met: bool) -> dict[str, Any]:
    row = {"key": list(APP.key), "met": met, "actual": "" if met else "connection refused", "near": ""}
    return {"ok": True, "needs": [row]}


def _run(said: Mapping[str, Any] | None, live: tuple[Need, ...] | None = (PORT,), declared: str = "") -> Verdict:
    options = GateOptions(declared=(declared,) if declared else ())
    subject = Subject(("web1", "web2"), options, needs=(PORT, APP), said=said)
    subject.live = None if live is None else Live(cast(Any, None), cast(Any, None), live)
    return run(subject)


@pytest.mark.parametrize(
    ("said", "result", "summary"),
    [
        ({"web1": _answer(met=True), "web2": _answer(met=True)}, "pass", "1 need more than the live release has"),
        (
            {"web1": _answer(met=True), "web2": OFF},
            "inconclusive",
            "web2 could not be asked about 1 new need: the host cannot be reached: timed out "
            "(gates_probe: false examines without them)",
        ),
        ({"web1": _answer(met=True)}, "inconclusive", "web2 could not be asked about 1 new need: it gave no answer"),
        (
            {"web1": OFF, "web2": _answer(met=False)},
            "fail",
            "the release needs the endpoint app:8001 (http), and web2 lacks it",
        ),
        (None, "pass", "1 new need, left to the preflight: the endpoint app:8001"),
    ],
)
def test_each_host_must_say_that_it_has_what_is_new(said: Mapping[str, Any] | None, result: str, summary: str) -> None:
    verdict = _run(said)
    assert verdict.result == result
    assert verdict.summary.startswith(summary)


def test_what_hosts_saw_is_said_once() -> None:
    (finding,) = _run({host: _answer(met=False) for host in ("web1", "web2", "web3", "web4")}).findings
    assert finding.what == "the release needs the endpoint app:8001 (http), and web1, web2, web3 and 1 more lack it"
    assert finding.actual == "web1, web2, web3 and 1 more: connection refused"


def test_a_finding_of_what_nobody_knows_says_where_it_is_and_what_to_do() -> None:
    (finding,) = _run({"web1": _answer(met=True), "web2": OFF}).findings
    assert finding.what == "nobody can say whether web2 has the endpoint app:8001 (http)"
    assert finding.place == "shop.conf:9"
    assert finding.fix == 'ask again when the hosts can be reached, or declare it: nginx_needs: ["endpoint:app:8001"]'


def test_hosts_need_not_be_asked_for_what_is_declared_or_not_new() -> None:
    assert _run({"web1": OFF, "web2": OFF}, declared="app:8001").result == "pass"
    assert _run({"web1": OFF, "web2": OFF}, live=(PORT, APP)).result == "pass"


def test_it_is_no_first_release_where_nobody_can_say_what_is_live() -> None:
    verdict = _run({"web1": OFF, "web2": OFF}, live=None)
    assert verdict.result == "inconclusive"
    assert verdict.summary.startswith("nobody can say what is live on web1, web2: the host cannot be reached")
    assert _run({"web1": OFF, "web2": _answer(met=True)}, live=None).result == "pass"
    assert _run(None, live=None).result == "pass"


def test_what_a_host_lacks_of_a_first_release_is_told_and_fails_nothing() -> None:
    verdict = _run({"web1": _answer(met=True), "web2": _answer(met=False)}, live=None)
    assert verdict.result == "pass"
    assert [(finding.warning, finding.actual) for finding in verdict.findings] == [(True, "web2: connection refused")]


def test_what_is_left_to_the_preflight_is_listed_with_its_place() -> None:
    verdict = _run(None)
    (finding,) = verdict.findings
    assert (finding.warning, finding.place) == (True, "shop.conf:9")
    assert (
        finding.what
        == "the endpoint app:8001 (http) is new: each host checks it in preflight, before anything is switched"
    )
    assert verdict.evidence["left"] == [["endpoint", "app:8001"]]


@pytest.mark.parametrize(
    ("near", "why"), [(Need("endpoint", "apps:8001", "http"), "it is misspelt"), (Need("name", "app1"), "")]
)
def test_a_near_miss_fails_where_nobody_is_asked(near: Need, why: str) -> None:
    verdict = _run(None, live=(PORT, near))
    assert verdict.result == ("fail" if why else "pass")
    if why:
        (finding,) = verdict.findings
        assert finding.actual == f"{why}; no host was asked"
        assert finding.fix.startswith("write apps:8001, or where it is meant, declare it: nginx_needs:")


def test_a_declared_near_miss_is_meant() -> None:
    assert _run(None, live=(PORT, Need("endpoint", "apps:8001", "http")), declared="endpoint:app:8001").result == "pass"
