"""The gate ``reload`` beside things that no configuration can bring about, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_bytes()
GATES = {gate.name: gate for gate in find_gates()}
PLAIN = "server { listen 80; return 200 hello; }"
ANOTHER_PORT = f"{PLAIN}\nserver {{ listen 8080; return 200 other; }}"

# Takes a port that the live release leaves free.
TAKES_A_PORT = """
import socket, time
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind(("0.0.0.0", 8080))
taken.listen()
open("/tmp/watches", "w").close()
time.sleep(3600)
"""
# Begins requests and never ends them; where nginx hangs up, the next ones begin.
NEVER_ENDS = """
import socket, time
open("/tmp/watches", "w").close()
def hangs(connection):
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
kept = []
while True:
    kept = [each for each in kept if hangs(each)]
    while len(kept) < 5:
        try:
            kept.append(socket.create_connection(("127.0.0.1", 80)))
            kept[-1].sendall(b"GET / HTTP/1.1\\r\\nHost: shop\\r\\n")
            kept[-1].setblocking(False)
        except OSError:
            break
    time.sleep(0.01)
"""

Examine = Callable[..., dict[str, Verdict]]


@pytest.fixture
def examine(engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path) -> Examine:
    """``examine(candidate, live, *steps)``: run the forerunners of ``reload``, and then the steps in their order."""

    def made(text: str) -> Release:
        files = {"nginx.conf": trees.file(MAIN, "raw"), "conf.d/site.conf": trees.file(text.encode(), "raw")}
        return ReleaseStore(tmp_path).add(trees.overlay(files), [], [], {})

    def run(candidate: str, live: str, *steps: Gate) -> dict[str, Verdict]:
        gates = [GATES[name] for name in ("spec", "parse", "syntax", "start")]
        examiner = Examiner(engine, [*gates, *steps], GateOptions(), stage_settings, (), "test-reload")
        (examined,) = examiner.examine([Candidate(("web1",), made(candidate), (), made(live))])
        return {verdict.gate: verdict for verdict in examined.verdicts}

    return run


def _step(name: str, work: Callable[[Stage], Any]) -> Gate:
    """Something to be done between gates; what it returns is the evidence."""

    def run(subject: Subject) -> Verdict:
        return Verdict("pass", "", evidence={"actual": work(subject.staged)})

    return Gate(name, ("start",), run)


def _background(program: str) -> Gate:
    """A program beside the nginx that is reloaded, on the stage of the live release."""

    def run(subject: Subject) -> Verdict:
        wait = "for n in $(seq 500); do [ -e /tmp/watches ] && break; sleep 0.02; done"
        subject.staged_live.run("sh", "-c", f"python3 -c '{program}' >/dev/null 2>&1 & {wait}")
        return Verdict("pass", "")

    return Gate("background", ("start",), run)


def _state(stage: Stage) -> dict[str, Any]:
    """What is left: where the link leads, and which nginx runs from it."""
    pids = stage.run("sh", "-c", "cat /run/nginx.pid; pgrep -c -f '^nginx: master'").output.split()
    asked = [{"name": "a", "request": {"method": "GET", "url": "http://shop.example/"}, "expect": {}}]
    return {
        "link": stage.run("readlink", "/etc/nginx").output.strip().rpartition("/")[2],
        "masters": pids[1:],
        "bodies": [outcome["body_excerpt"] for outcome in stage.ask("checks", asked)["outcomes"]],
    }


STATE = _step("state", _state)


def _live_state(subject: Subject) -> Verdict:
    return Verdict("pass", "", evidence={"actual": _state(subject.live_stage or subject.staged)})


LIVE_STATE = Gate("live state", ("start",), _live_state)


@pytest.mark.parametrize(
    ("candidate", "live", "result"),
    [
        (PLAIN.replace("hello", "new"), PLAIN, "pass"),
        ("server { listen 127.0.0.1:80; return 200 new; }", PLAIN, "fail"),
        (PLAIN.replace("hello", "new"), PLAIN.replace("hello", "new"), "pass"),
    ],
    ids=["passed", "failed", "nothing changed"],
)
def test_afterwards_each_stage_runs_from_its_own_bytes(
    examine: Examine, candidate: str, live: str, result: str, tmp_path: Path
) -> None:
    verdicts = examine(candidate, live, GATES["reload"], STATE, LIVE_STATE)
    assert verdicts["reload"].result == result, verdicts["reload"].summary
    for name, text, body in (
        ("state", candidate, "new"),
        ("live state", live, "new" if live == candidate else "hello"),
    ):
        own = next(
            path.name for path in tmp_path.iterdir() if text in (path / "tree/conf.d/site.conf").read_text("utf-8")
        )
        assert verdicts[name].evidence["actual"] == {"link": own, "masters": ["1"], "bodies": [body]}


def test_a_port_that_another_program_takes_is_told(examine: Examine) -> None:
    verdicts = examine(ANOTHER_PORT, PLAIN, _background(TAKES_A_PORT), GATES["reload"])
    verdict = verdicts["reload"]
    assert verdict.result == "fail"
    (first,) = verdict.findings
    assert first.what.startswith("a reload from the live release into this one fails")
    assert "bind() to 0.0.0.0:8080 failed (98" in first.nginx
    assert (first.file, first.line) == ("conf.d/site.conf", 2)
    assert "If another program has the port, end it" in first.fix


def test_a_request_that_never_ends_does_not_hold_the_gate(examine: Examine) -> None:
    verdicts = examine(PLAIN.replace("hello", "new"), PLAIN, _background(NEVER_ENDS), GATES["reload"], STATE)
    verdict = verdicts["reload"]
    assert verdict.result == "fail"
    assert [finding.what for finding in verdict.findings] == [
        "workers of before still run long after a reload from the live release into this one"
    ]
    assert "worker_shutdown_timeout" in verdict.findings[0].fix
    assert verdicts["state"].evidence["actual"]["bodies"] == ["new"]


def test_a_live_release_that_nginx_refuses_decides_nothing(examine: Examine) -> None:
    verdicts = examine(PLAIN, "server { listen 80; nonsense on; }", GATES["reload"], STATE)
    assert verdicts["reload"].result == "pass"
    assert "the live release does not start, so nginx cannot reload from it" in verdicts["reload"].summary
    assert 'unknown directive "nonsense"' in verdicts["reload"].summary
    assert verdicts["state"].evidence["actual"]["bodies"] == ["hello"]


def test_what_is_served_can_be_chosen_and_what_cannot_be_is_told(examine: Examine) -> None:
    def choose(stage: Stage) -> list[str]:
        other = stage.lay("other", {"conf.d/site.conf": PLAIN.replace("hello", "other").encode()})
        broken = stage.lay("broken", {"conf.d/site.conf": b"server {"})
        words = []
        stage.ask("serve", [{"tree": other}])
        words += _state(stage)["bodies"]
        with pytest.raises(SluiceError) as failed:
            stage.ask("serve", [{"tree": broken}])
        stage.ask("serve", [{}])
        return [*words, str(failed.value), *_state(stage)["bodies"]]

    seen = examine(PLAIN, PLAIN, _step("chosen", choose))["chosen"].evidence["actual"]
    assert (seen[0], seen[2]) == ("other", "hello"), json.dumps(seen)
    assert 'unexpected end of file, expecting "}"' in seen[1]
