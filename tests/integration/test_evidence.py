"""A canary that answers with 5xx nearly three times as often as other hosts, which no check and no bake alone sees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import OWN_SITES, WEB, Fleet, record_of

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

# A hundred requests a second, most of the time; each asks for another number.
VISITORS = """
import http.client, itertools, os, time
way = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
until = time.monotonic() + SECONDS
for number in itertools.count():
    if time.monotonic() > until or os.path.exists("/tmp/stop"):
        break
    try:
        way.request("GET", f"/?n={os.getpid()}-{number}", headers={"Host": "word.example", "User-Agent": "visitor"})
        way.getresponse().read()
    except (OSError, http.client.HTTPException):
        way.close()
    time.sleep(0.008)
"""


class Visited(Fleet):
    """A sandbox each of whose hosts has visitors of its own."""

    name = "test-evidence"
    beside = ("app1",)
    usual = OWN_SITES

    def visit(self, seconds: int) -> None:
        script = VISITORS.replace("SECONDS", str(seconds))
        for host in WEB:
            self.run(host, "sh", "-c", f"rm -f /tmp/stop; cat >/tmp/visit.py <<'END'\n{script}END")
            self.container(host).exec_run(["python3", "/tmp/visit.py"], detach=True)

    def stop_visits(self) -> None:
        for host in WEB:
            self.run(host, "touch", "/tmp/stop")


def failing(word: str, share: str, **more: Any) -> dict[str, Any]:
    """A release that answers a share of the requests with 500, by their number."""
    return {
        "nginx_http_lines": [
            f'split_clients "x$arg_n" $odd {{ {share} 1; * 0; }}',
            "server {",
            "listen 80;",
            "server_name word.example;",
            "if ($odd) { return 500; }",
            f"location / {{ return 200 '{word}'; }}",
            "}",
        ],
        **more,
    }


@pytest.fixture(scope="module")
def fleet(project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> Iterator[Visited]:
    with Visited(project, play, engine).there() as made:
        done = made.deploy("first", **failing("first", "1%"))
        assert done.code == 0, done.output
        yield made


def test_a_canary_that_is_worse_than_other_hosts_is_rolled_back(fleet: Visited) -> None:
    before = fleet.live()
    fleet.visit(400)
    try:
        done = fleet.deploy(
            "second", **failing("second", "2.8%"), rollout_evidence=True, rollout_waves=[1, "100%"], rollout_bake=120
        )
    finally:
        fleet.stop_visits()
    assert done.code == 2, done.output
    said = "switched hosts answer with 5xx more often than hosts that are not, in the same minutes"
    assert f"the run failed in evidence ({said})" in done.output
    assert re.search(r"the run: evidence: .*; chance does that in one of [\d,]+ runs", done.output)
    assert "web1: bake: answers with 5xx rose" not in done.output
    assert not [
        each for each in record_of(done.output)["events"] if each["phase"] == "activate" and each["host"] != "web1"
    ]
    assert fleet.live() == before


def test_a_canary_that_is_no_worse_goes_on_and_too_little_traffic_is_said(fleet: Visited) -> None:
    done = fleet.deploy(
        "third", **failing("third", "1%"), rollout_evidence=True, rollout_waves=[1, "100%"], rollout_bake=12
    )
    assert done.code == 0, done.output
    assert "rollout_evidence: too little traffic to tell: " in done.output
    assert fleet.words() == ["third"] * 3
    evidence = [each for each in record_of(done.output)["events"] if each["phase"] == "evidence"]
    assert json.dumps(evidence[-1]["answer"]["state"])
