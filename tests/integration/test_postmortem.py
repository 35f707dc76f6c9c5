"""playbooks/postmortem.yml as a person calls it: what it writes, and its sentence where it cannot."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.record.samples import confirmed, rolled_back, written

pytestmark = pytest.mark.integration

# So long ago that no other run is near it.
DAY = "20010203T"


@pytest.fixture
def runs(project: Path) -> Iterator[Path]:
    """The project's runs, and some of a day of long ago."""
    folder = project / ".sluice/runs"
    for name, make in ((f"{DAY}040000-aaaa", rolled_back), (f"{DAY}050000-bbbb", confirmed)):
        made = make()
        at = f"2001-02-03T{name[9:11]}:00"
        made["run"] |= {"id": name, "started": f"{at}:00.000Z", "ended": f"{at}:30.000Z"}
        written(made, folder / name)
    damaged = folder / f"{DAY}060000-cccc"
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("{")
    yield folder
    for path in folder.glob(f"{DAY}*"):
        shutil.rmtree(path)
    for path in (project / ".sluice/postmortems").glob(f"{DAY}*"):
        path.unlink()


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A host that cannot be reached."""
    path = tmp_path / "hosts.yml"
    host = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_python_interpreter": "/usr/bin/python3"}
    path.write_text(json.dumps({"web": {"hosts": {"web1": host}}}))
    return path


def test_a_run_has_its_postmortem_again_and_what_people_wrote_stays(play: Callable[..., Any], runs: Path) -> None:
    done = play("playbooks/postmortem.yml", "-i", "localhost,", "-e", f"run={DAY}04")
    path = runs / f"{DAY}040000-aaaa/postmortem.md"
    assert (done.code, f"postmortem: {path}" in done.output) == (0, True), done.output
    text = path.read_text()
    assert "web3 failed in bake (build 42 was expected, and build 41 is there)" in text
    path.write_text(text.replace("> TO ADD: what else is done", "Ada watches it. > TO ADD: what else is done"))
    again = play("playbooks/postmortem.yml", "-i", "localhost,", "-e", f"run={DAY}040000-aaaa")
    assert "postmortem-draft.md" in again.output
    assert "Ada watches it." in path.read_text()


CANNOT_BE: list[tuple[dict[str, Any], str]] = [
    ({"run": "rubbish"}, "there is no run 'rubbish'; near to it, or last, are"),
    ({"run": f"{DAY}05"}, "has no postmortem: it was confirmed on every host; for what came after it, give a"),
    ({"run": f"{DAY}06"}, "run.json is damaged"),
    ({"start": "yesterday"}, "'yesterday' is no time; write 2026-11-21T15:00 (UTC)"),
    ({"run": f"{DAY}04", "alerts": True}, "what is it to be of? Give one: run=ID, or from=TIME and to=TIME"),
]


def test_what_cannot_be_gets_its_sentence(play: Callable[..., Any], runs: Path, tmp_path: Path) -> None:
    # The task of the playbook, once for each, in one run; each must fail by itself.
    tasks = [
        {"name": f"Draft {number}", "sluice.nginx.postmortem": options, "ignore_errors": True}
        for number, (options, _) in enumerate(CANNOT_BE)
    ]
    playbook = tmp_path / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    done = play(playbook, "-i", "localhost,")
    assert done.code == 0, done.output
    for number, (_, said) in enumerate(CANNOT_BE):
        mine = done.output.partition(f"TASK [Draft {number}]")[2].partition("TASK [")[0]
        assert "fatal: [localhost]: FAILED!" in mine, done.output
        assert said in " ".join(mine.split()), mine


def test_a_time_is_told_as_far_as_somebody_answers(
    play: Callable[..., Any], runs: Path, inventory: Path, project: Path
) -> None:
    window = "from=2001-02-03T04:30 to=2001-02-03T06:00 monitor_prometheus_url=http://127.0.0.1:1"
    done = play("playbooks/postmortem.yml", "-i", str(inventory), "-e", window)
    path = project / f".sluice/postmortems/{DAY}043000-to-20010203T060000.md"
    assert (done.code, f"postmortem: {path}" in done.output) == (0, True), done.output
    text = path.read_text()
    assert "- Not known: what web1 did: the host cannot be reached" in text
    assert "- Not known: which alerts fired: Prometheus at http://127.0.0.1:1 does not answer" in text
    assert f"The last run before it that reached hosts is `{DAY}040000-aaaa`" in text
    assert f"Run `{DAY}050000-bbbb` was confirmed at 05:00:30 UTC" in text


class _Prometheus(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        begun = int(time.time()) - 600
        fires = {"Over": range(begun, begun + 60, 5), "GoesOn": range(begun + 540, begun + 600, 5)}
        series = [
            {
                "metric": {"__name__": "ALERTS", "alertstate": "firing", "host": "web1", "alertname": name},
                "values": [[at, "1"] for at in times],
            }
            for name, times in fires.items()
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"result": series}}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_each_incident_that_is_over_has_its_postmortem(play: Callable[..., Any], project: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"monitor_prometheus_url=http://127.0.0.1:{server.server_port}"
        done = play("playbooks/postmortem.yml", "-i", "localhost,", "-e", f"alerts=true {address}")
    finally:
        server.shutdown()
        server.server_close()
    found = list((project / ".sluice/postmortems").glob("*-Over.md"))
    try:
        assert (done.code, len(found)) == (0, 1), done.output
        assert "the alert `Over (host web1)` fired" in found[0].read_text()
        assert "GoesOn (host web1) is not over; it has a postmortem when it is" in done.output
    finally:
        for path in found:
            path.unlink()
