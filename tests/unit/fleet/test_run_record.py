from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, RunRecord, open_run, read_run_id
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import HostSummary, RunSummary
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import read_run


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    return RunRecord(open_run(tmp_path / "runs"))


def test_a_run_has_a_folder_of_its_own_and_says_who_asks(tmp_path: Path) -> None:
    runs = [open_run(tmp_path / "deep/runs") for _ in range(5)]
    assert len({run.id for run in runs}) == 5
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{4}", runs[0].id)
    assert (tmp_path / "deep/runs" / runs[0].id / "journal.jsonl").read_text() == ""
    assert runs[0].asking() == {"id": runs[0].id, "who": runs[0].who, "from": runs[0].host}
    assert Run(**runs[0].to_json()) == runs[0]


@pytest.mark.parametrize("value", ["20261121T151128-ab12", "20261129T001225Z-ab12"])
def test_the_id_of_a_run(value: str) -> None:
    assert read_run_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "..", "../x", "20261121T151128-ab12/..", "20261121T151128-ab12\n", "20261121T151128-AB12", "last", None, 5],
)
def test_what_is_no_id_of_a_run_is_refused(value: object) -> None:
    with pytest.raises(SluiceError, match="is no id of a run; expected one such as 20261121T151128-ab12"):
        read_run_id(value)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "../../x"},
        {"id": ""},
        {"folder": "/etc"},
        {"folder": "/srv/team/.sluice/runs/20261121T151128-ab12"},
        {"who": 5},
        {"started": None},
    ],
)
def test_a_run_is_what_the_module_has_registered(tmp_path: Path, changed: dict[str, Any]) -> None:
    run = open_run(tmp_path)
    assert read_run_id(run.id)
    assert read_run({**run.to_json(), "changed": False}) == run
    with pytest.raises(SluiceError):
        read_run({**run.to_json(), **changed})


@pytest.mark.parametrize(
    "line",
    [
        b"5",
        b"[]",
        b'{"at": "t"}',
        b'{"at": 5, "phase": "gate", "host": "", "good": true, "answer": {}}',
        b'{"at": "t", "phase": "gate", "host": "", "good": 1, "answer": {}}',
        b'{"at": "t", "phase": "gate", "host": "", "good": true, "answer": []}',
        b'{"at": "t", "phase": "gate", "host": "", "good": true, "answer": {"problems": 5}}',
        b'{"at": "t", "phase": "gate", "host": "", "good": true, "answer": {"problems": [5]}}',
        b"[" * 200_000,
        b"\xff",
    ],
    ids=range(10),
)
def test_a_line_of_odd_types_is_told_in_words(record: RunRecord, line: bytes) -> None:
    Path(record.run.folder, "journal.jsonl").write_bytes(line + b"\n")
    with pytest.raises(SluiceError, match="is damaged"):
        list(record.events())


def test_moments_are_utc_with_milliseconds_and_sort() -> None:
    moments = [now() for _ in range(100)]
    assert moments == sorted(moments)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moments[0])


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(SluiceError, match=r"the record of the run cannot be written to .*; give this user the folder"):
        open_run(tmp_path / "runs")


def test_events_come_back_in_order(record: RunRecord) -> None:
    assert list(record.events()) == []
    noted = [
        record.note("gate", "", good=True, answer={"words": "ü\u2028\nlines"}),
        record.note("preflight", "web1", good=False, answer={"path": Path("/x")}),
    ]
    assert [(each.phase, each.host, each.good) for each in record.events()] == [
        ("gate", "", True),
        ("preflight", "web1", False),
    ]
    assert next(record.events()).answer == noted[0].answer


_WRITE = """
import sys
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, Run
record = RunRecord(Run("x", sys.argv[1], "", "", ""))
for number in range(50):
    record.note("bake", sys.argv[2], good=True, answer={"number": number, "much": "x" * 20000})
"""


def test_several_processes_may_write_at_once(record: RunRecord, project: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, record.run.folder, f"web{number}"],
            env={"PYTHONPATH": str(project / ".cache/collections")},
        )
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    for number in range(4):
        of_host = [event.answer["number"] for event in record.events() if event.host == f"web{number}"]
        assert of_host == list(range(50))


def test_the_record_holds_the_run_what_it_came_to_what_the_gates_said_and_the_journal(record: RunRecord) -> None:
    verdicts = {
        "releases": [{"release": "a", "passed": True, "verdicts": []}],
        "signed": True,
        "emergency": None,
        "words": "byte \udcff",
    }
    record.note("gate", "", good=True, answer=verdicts)
    record.note("finalize", "web1", good=True, answer={"operation": "confirm"})
    host = HostSummary("a", "confirmed")
    record.write(RunSummary("confirmed", "1 host switched and confirmed", {"web1": host}), list(record.events()))
    written = json.loads(record.path.read_text())
    after = ["releases", "culprits", "failures", "warnings", "events"]
    assert list(written)[-5:] == after, "the index reads only what stands before them"
    assert (record.path.name, written["schema"], written["result"]) == ("run.json", 3, "confirmed")
    assert (written["outcome"], written["signed"]) == ("1 host switched and confirmed", True)
    assert written["run"] == {**record.run.to_json(), "ended": written["run"]["ended"]}
    assert written["releases"] == verdicts["releases"]
    assert [event["phase"] for event in written["events"]] == ["gate", "finalize"]
    assert written["events"][0]["answer"] == {"signed": True, "emergency": None, "words": "byte \\udcff"}


_FILL = """
import resource, signal, sys
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
record = RunRecord(Run("x", sys.argv[1], "", "", ""))
record.note("gate", "", good=True, answer={})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    record.note("bake", "web1", good=True, answer={"much": "x" * 2000})
except Exception as error:
    print(type(error).__name__, error)
print([event.phase for event in record.events()])
"""


def test_a_journal_that_cannot_grow_keeps_whole_lines_and_says_what_becomes_of_the_hosts(
    record: RunRecord, project: Path
) -> None:
    filled = subprocess.run(
        [sys.executable, "-c", _FILL, record.run.folder],
        env={"PYTHONPATH": str(project / ".cache/collections")},
        capture_output=True,
        text=True,
        check=True,
    )
    said, phases = filled.stdout.splitlines()
    assert said.startswith("SluiceError the journal of the run cannot be written: File too large; nothing is done")
    assert said.endswith("Those pending go back by their watchdog, or at once by sluice.nginx.unlock")
    assert phases == "['gate']"


def test_a_journal_is_read_on_from_where_it_was_read_to(record: RunRecord) -> None:
    other = RunRecord(record.run)
    seen = []
    for number in range(3):
        other.note("bake", f"web{number}", good=True, answer={})
        seen.append([event.host for event in record.events()])
    assert seen == [["web0"], ["web0", "web1"], ["web0", "web1", "web2"]]
    # An event that is being written has no end yet.
    journal = Path(record.run.folder, "journal.jsonl")
    with journal.open("a") as stream:
        stream.write('{"at": "t", "phase"')
    assert len(list(record.events())) == 3
    with journal.open("a") as stream:
        stream.write(': "bake", "host": "web3", "good": true, "answer": {}}\n')
    assert [event.host for event in record.events()][-1] == "web3"


def test_events_that_are_noted_meanwhile_are_none_of_those_that_are_read(record: RunRecord) -> None:
    record.note("bake", "web1", good=True, answer={})
    for _ in record.events():
        record.note("bake", "web2", good=True, answer={})
        assert len(list(record.events())) == 2


def test_each_event_of_a_record_is_a_line(record: RunRecord) -> None:
    for host in ("web1", "web2"):
        record.note("activate", host, good=True, answer={"problems": [], "text": "ä\nö"})
    record.write(RunSummary("confirmed", "done", {}, [], [], []), list(record.events()))
    lines = record.path.read_text().split("\n")
    assert [number for number, line in enumerate(lines) if '"phase": "activate"' in line][1:] == [len(lines) - 4]
    found = json.loads("\n".join(lines))
    assert [event["host"] for event in found["events"]] == ["web1", "web2"]
    assert found["events"][0]["answer"]["text"] == "ä\nö"
