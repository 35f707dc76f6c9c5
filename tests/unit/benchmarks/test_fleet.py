"""What the contestants of the fleet's benchmark are given, and how their costs are counted, told and judged."""

from __future__ import annotations

import os
import re
import sys
import threading
import xml.etree.ElementTree
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from benchmarks.fleet import times
from benchmarks.racing.contestants import ALL
from benchmarks.racing.measuring import Cost, measure, phases, processor, sessions
from benchmarks.racing.plot import plot
from benchmarks.racing.results import Size, document, figures, lines, targets
from benchmarks.racing.room import checks, files, wait_for_version
from benchmarks.reporting import Target


class TestVersions:
    def test_a_version_has_ten_files_and_ten_checks(self) -> None:
        assert len(files(7)) == 10
        assert len(parse_contract(checks(7), "checks")) == 10

    def test_two_versions_differ_in_one_file_alone(self) -> None:
        one, other = files(1), files(2)
        assert [name for name in one if one[name] != other[name]] == ["conf.d/site0.conf"]

    def test_the_contract_asks_for_what_the_files_say(self) -> None:
        for (name, text), check in zip(files(3).items(), checks(3), strict=True):
            said = check["expect"]["body"].replace("\n", "\\n")
            assert f'return 200 "{said}";' in text, name


@pytest.fixture
def host() -> Iterator[tuple[str, list[str]]]:
    """A host that answers with each of the pages once, and then with the last for ever."""
    pages = ["site 0, version 1"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Host"] == "site0.example"
            page = pages.pop(0) if len(pages) > 1 else pages[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{page}\n".encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", pages
    server.shutdown()
    thread.join()
    server.server_close()


class TestWhatIsServed:
    def test_the_right_version_is_content_at_once(self, host: tuple[str, list[str]]) -> None:
        wait_for_version([host[0]], 1, at_once=True)

    def test_a_version_that_comes_a_moment_later_is_waited_for(self, host: tuple[str, list[str]]) -> None:
        host[1].append("site 0, version 2")
        wait_for_version([host[0]], 2, at_once=False)

    def test_a_host_that_serves_something_else_is_named(self, host: tuple[str, list[str]]) -> None:
        host[1].append("site 0, version 2")
        with pytest.raises(
            SluiceError, match=rf"^version 2 was to be served everywhere, and {host[0]} serves '.*version 1'$"
        ):
            wait_for_version([host[0]], 2, at_once=True)

    def test_a_host_that_does_not_answer_is_named(self) -> None:
        with pytest.raises(SluiceError, match=r"127\.0\.0\.1:1 serves 'nothing: .*refused"):
            wait_for_version(["127.0.0.1:1"], 2, at_once=True)


class TestMeasuring:
    def test_processor_time_and_memory_of_what_a_command_starts_are_counted(self, tmp_path: Path) -> None:
        work = (
            "x = bytearray(60 << 20); import time; e = time.process_time() + 0.5\nwhile time.process_time() < e: pass"
        )
        child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
        cost = measure([sys.executable, "-c", child], tmp_path, os.environ, tmp_path / "logs/a.log", sampled=True)
        assert cost.cpu >= 0.5
        assert cost.seconds >= 0.5
        assert cost.largest >= 60
        assert cost.together is not None
        assert cost.together >= 60

    def test_memory_that_is_not_sampled_is_not_known(self, tmp_path: Path) -> None:
        assert measure(["true"], tmp_path, os.environ, tmp_path / "a.log").together is None

    def test_a_command_that_fails_is_told_with_its_last_lines(self, tmp_path: Path) -> None:
        with pytest.raises(SluiceError, match=r"(?s)ended with code 3; its last lines:\n  no such file"):
            measure(["sh", "-c", "echo no such file; exit 3"], tmp_path, os.environ, tmp_path / "a.log")

    @pytest.mark.parametrize(
        ("groups", "path", "text", "wanted"),
        [
            ("3:cpuset:/docker/a\n2:cpu,cpuacct:/docker/a\n", "cpuacct/docker/a/cpuacct.usage", "2500000000\n", 2.5),
            ("0::/docker-a.scope\n", "docker-a.scope/cpu.stat", "usage_usec 2500000\nuser_usec 1\n", 2.5),
            ("0::/docker-a.scope\n", "elsewhere", "", None),
        ],
        ids=["first version", "second version", "nothing tells it"],
    )
    def test_control_groups_tell_what_a_container_has_had(
        self, tmp_path: Path, groups: str, path: str, text: str, wanted: float | None
    ) -> None:
        for name, content in (("proc/7/cgroup", groups), (f"sys/fs/cgroup/{path}", text)):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        assert processor(7, tmp_path) == wanted

    def test_sessions_go_to_the_phase_that_is_noted_next(self) -> None:
        log = (
            "2026-11-21T11:50:24.100000009Z Accepted key ED25519\n"
            "2026-11-21T11:50:25.100000009Z Starting session: command for root from 172.20.0.1 port 5 id 0\n"
            "2026-11-21T11:50:25.200000009Z Starting session: subsystem 'sftp' for root from 172.20.0.1 port 5 id 1\n"
            "2026-11-21T11:50:26.900000009Z Starting session: command for root from 172.20.0.1 port 5 id 0\n"
            "2026-11-21T11:50:30.000000009Z Starting session: command for root from 172.20.0.1 port 5 id 0\n"
        )
        noted = [("2026-11-21T11:50:25.500Z", "preflight"), ("2026-11-21T11:50:27.000Z", "activate")]
        assert phases(sessions(log), noted) == {"preflight": 2, "activate": 1, "afterwards": 1}


@pytest.mark.parametrize(
    ("name", "hosts", "quick", "wanted"),
    [
        ("sluice_push", 100, False, 5),
        ("plain_ansible", 1, False, 5),
        ("plain_ansible", 10, False, 2),
        ("plain_ansible", 40, False, 1),
        ("plain_ansible", 100, False, 0),
        ("plain_ansible", 2, True, 1),
        ("plain_ansible", 5, True, 0),
    ],
)
def test_what_takes_minutes_runs_less_often(name: str, hosts: int, quick: bool, wanted: int) -> None:
    assert times(name, hosts, 5, quick=quick) == wanted


def size(hosts: int, memory: float = 200.0, **seconds: float) -> Size:
    """The figures of contestants that took so many seconds, three times."""
    costs = {
        name: [Cost(each * by, each / 2, 50, hosts=hosts * 0.1) for by in (1, 0.5, 2)] for name, each in seconds.items()
    }
    rehearsed = {name: Cost(9, 9, 50, memory) for name in seconds}
    executions = {name: {"preflight": 1, "activate": 2} if name.startswith("sluice") else {"": 3} for name in seconds}
    return Size(hosts, costs, rehearsed, executions, [7.0, 8.0, 9.0])


GOOD = {"bare_ssh": 1.0, "pyinfra": 7.0, "sluice_push": 6.0, "sluice_no_change": 3.0, "sluice_rollback": 6.0}


class TestTargets:
    def test_all_are_met_by_what_is_as_good_as_promised(self) -> None:
        judged = targets([size(1, **GOOD), size(40, **GOOD), size(100, sluice_push=16.0)])
        assert [target.met for target in judged] == [True] * 6

    @pytest.mark.parametrize(
        ("few", "many", "words"),
        [
            ({"bare_ssh": 0.5}, {}, r"push and finalize, 40 hosts: 12\.0 x the floor, at most 8 x"),
            ({"sluice_no_change": 3.2}, {}, r"nothing to change, 40 hosts: 3\.2 x the floor, at most 3 x"),
            ({"pyinfra": 5.0}, {}, r"push and finalize to 40 hosts take 6\.0 s, pyinfra 5\.0 s"),
            ({"sluice_rollback": 6.5}, {}, r"the rollback of 40 hosts takes 6\.5 s, the push 6\.0 s"),
            ({}, {"sluice_push": 17.0}, r"grow 1\.13 x linearly, at most 1\.1 x"),
            ({}, {"memory": 401.0}, r"takes 401 MiB for 100 hosts, less than 400"),
        ],
    )
    def test_what_is_worse_is_missed(self, few: dict[str, float], many: dict[str, float], words: str) -> None:
        judged = targets([size(40, **{**GOOD, **few}), size(100, **{"sluice_push": 16.0, **many})])
        missed = [target.text for target in judged if not target.met]
        assert any(re.search(words, text) for text in missed), missed

    def test_what_was_not_measured_is_not_judged(self) -> None:
        assert targets([size(5, **GOOD)]) == []
        assert targets([size(40, bare_ssh=1.0)]) == []


class TestTelling:
    def test_programs_get_medians_by_number_of_hosts(self) -> None:
        found = figures([size(40, **GOOD)])["40"]
        assert {name: found[name] for name in GOOD} == GOOD
        assert found["gates"] == 8.0
        assert found["floors"]["sluice_push"] == 6.0
        assert found["runs"]["sluice_push"] == [6.0, 3.0, 12.0]
        assert found["host_cpu_seconds"]["pyinfra"] == 0.1
        assert found["controller_peak_mib"]["sluice_push"] == 200.0
        assert found["executions_per_host"]["sluice_push"] == {"preflight": 1, "activate": 2}

    def test_a_terminal_gets_a_line_for_each_contestant_with_its_ratio(self) -> None:
        told = lines(size(40, **GOOD))
        assert len(told) == len(GOOD)
        assert "6.00 s    x 6.0   of 3 runs" in next(line for line in told if "push" in line)
        assert "executions 3 (preflight 1, activate 2)" in told[-1]

    def test_without_the_floor_there_is_no_ratio(self) -> None:
        assert " x " not in lines(size(40, sluice_push=1.0))[0]
        assert figures([size(40, sluice_push=1.0)])["40"]["floors"] == {}

    def test_the_page_says_how_often_what_ran_less_often_ran(self) -> None:
        forty = size(40, plain_ansible=150.0, **GOOD)
        del forty.costs["plain_ansible"][1:], forty.rehearsed["plain_ansible"]
        page = document([size(1, **GOOD), forty], [Target(False, "too slow")])
        assert "| plain playbook | - | 150.00 (x 150.0, 1 run) |" in page
        assert "| Sluice: push and finalize | 6.00 (x 6.0) | 6.00 (x 6.0) |" in page
        assert "- **missed**: too slow" in page
        rows = [line for line in page.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in rows if "processor" in line or "200 MiB" in line} == {8}

    def test_the_plot_has_a_line_for_each_contestant_and_no_label_on_another(self) -> None:
        seconds = {name: 1.0 + number / 100 for number, name in enumerate(ALL)}
        drawn = xml.etree.ElementTree.fromstring(plot([size(count, **seconds) for count in (1, 10, 40, 100)]))
        of = "{http://www.w3.org/2000/svg}"
        assert len(drawn.findall(f"{of}polyline")) == len(ALL)
        named = [float(each.attrib["y"]) for each in drawn.findall(f"{of}text") if "fill" in each.attrib]
        assert len(named) == len(ALL)
        assert min(b - a for a, b in zip(sorted(named), sorted(named)[1:], strict=False)) >= 12

    def test_one_size_can_be_drawn(self) -> None:
        assert "<circle" in plot([size(5, bare_ssh=1.0)])
