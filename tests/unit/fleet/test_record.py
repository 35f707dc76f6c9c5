from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record, Run, now, open_run


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(open_run(tmp_path / "runs"))


def test_a_run_has_a_folder_of_its_own_and_says_who_asks(tmp_path: Path) -> None:
    runs = [open_run(tmp_path / "deep/runs") for _ in range(5)]
    assert len({run.id for run in runs}) == 5
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{4}", runs[0].id)
    assert (tmp_path / "deep/runs" / runs[0].id / "journal.jsonl").read_text() == ""
    assert runs[0].asking() == {"id": runs[0].id, "who": runs[0].who, "from": runs[0].host}
    assert Run(**runs[0].to_json()) == runs[0]


def test_moments_are_utc_with_milliseconds_and_sort() -> None:
    moments = [now() for _ in range(100)]
    assert moments == sorted(moments)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moments[0])


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(SluiceError, match=r"the record of the run cannot be written to .*; give this user the folder"):
        open_run(tmp_path / "runs")


def test_events_come_back_in_order(record: Record) -> None:
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
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record, Run
record = Record(Run("x", sys.argv[1], "", "", ""))
for number in range(50):
    record.note("bake", sys.argv[2], good=True, answer={"number": number, "much": "x" * 20000})
"""


def test_several_processes_may_write_at_once(record: Record, project: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, record.run.folder, f"web{number}"],
            env={"PYTHONPATH": str(project / "collections")},
        )
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    for number in range(4):
        of_host = [event.answer["number"] for event in record.events() if event.host == f"web{number}"]
        assert of_host == list(range(50))


def test_the_record_holds_run_content_and_journal(record: Record) -> None:
    record.note("gate", "", good=True, answer={})
    path = record.write({"outcome": "nothing to do"})
    written = json.loads(path.read_text())
    assert (path.name, written["schema"], written["outcome"]) == ("run.json", 1, "nothing to do")
    assert written["run"] == record.run.to_json()
    assert [event["phase"] for event in written["events"]] == ["gate"]
