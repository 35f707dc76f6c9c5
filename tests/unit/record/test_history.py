from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.record.index import RunRow, rows
from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history
from tests.unit.record.samples import SAMPLES, confirmed, event, rolled_back, stopped, written


def _named(made: dict[str, Any], runs: Path, name: str) -> Path:
    made["run"]["id"] = name
    return written(made, runs / name)


def _row(runs: Path) -> RunRow:
    (row,) = rows(runs)
    return row


def test_runs_are_listed_with_the_newest_first(tmp_path: Path) -> None:
    folder = _named(confirmed(), tmp_path, "20260102T030400-aaaa")
    (folder / "report.html").touch()
    _named(stopped(), tmp_path, "20260103T030400-bbbb")
    _named(rolled_back(), tmp_path, "20260101T030400-cccc")
    found = rows(tmp_path)
    assert [row.id[-4:] for row in found] == ["bbbb", "aaaa", "cccc"]
    assert [row.result for row in found] == ["stopped", "confirmed", "rolled back"]
    assert found[1] == RunRow(
        id="20260102T030400-aaaa",
        started="2026-01-02 03:04:00 UTC",
        took="30 s",
        who="deploy on controller",
        result="confirmed",
        outcome="3 hosts switched and confirmed",
        hosts="3",
        links=("report.html", "run.json"),
    )


@pytest.mark.parametrize("indent", [1, None, 4])
def test_a_record_that_something_else_has_written_anew_is_read_as_well(tmp_path: Path, indent: int | None) -> None:
    folder = _named(confirmed(), tmp_path, "20260102T030400-aaaa")
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(content, indent=indent, sort_keys=True))
    assert (_row(tmp_path).result, _row(tmp_path).hosts) == ("confirmed", "3")


def test_text_that_looks_like_the_end_of_the_head_does_not_mislead(tmp_path: Path) -> None:
    made = confirmed()
    made["outcome"] = 'odd\n "releases": [] and } more'
    _named(made, tmp_path, "20260102T030400-aaaa")
    assert _row(tmp_path).outcome == 'odd\\n "releases": [] and } more'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no run.json: the run is under way, or ended before it could say anything"),
        ("", "is damaged"),
        ("CUT", "is damaged"),
        ('{"schema": 1, "outcome": "fine"}', "the record has the schema 1, and this Sluice reads 3"),
        ("\0" * 100, "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_row_with_a_sentence(tmp_path: Path, content: str | None, words: str) -> None:
    folder = _named(confirmed(), tmp_path, "20260102T030400-aaaa")
    path = folder / "run.json"
    whole = path.read_text()
    path.unlink()
    if content is not None:
        path.write_text(whole[:-400] if content == "CUT" else content)
    row = _row(tmp_path)
    assert (row.result, row.started) == ("unknown", "2026-01-02 03:04:00 UTC")
    assert words in row.outcome


@pytest.mark.parametrize(
    "begin",
    [
        '{"schema": 3, "result": [], "outcome": "x", "hosts": {}, "run": {}',
        '{"schema": 3, "result": {}, "outcome": "x", "hosts": {}, "run": {}',
        f'{{"schema": 3, "hosts": {"[" * 100_000}',
        f'{{"schema": 3, "hosts": {"9" * 10_000}',
        *(
            f'{{"schema": 3, "result": "confirmed", "outcome": "x", "hosts": {{}}, "run": {{"id": "a", "who": "ann", '
            f'"host": "desk", "started": {odd}, "ended": {odd}}}'
            for odd in ("1e999", "NaN", "5", "[]", "null", '"9" ', "9" * 400)
        ),
    ],
)
def test_a_head_of_another_form_is_a_row_with_a_sentence(tmp_path: Path, begin: str) -> None:
    """One such record ended the page of all."""
    folder = tmp_path / "20261128T210000-ab12"
    folder.mkdir()
    (folder / "run.json").write_text(f'{begin},\n "releases": []\n}}\n', encoding="utf-8")
    (row,) = rows(tmp_path)
    assert row.result in ("unknown", "confirmed")
    assert "20261128T210000" in history(tmp_path)


def test_a_run_that_ended_between_its_gates_and_its_end_is_not_said_to_have_passed(tmp_path: Path) -> None:
    made = SAMPLES["passed"]()
    folder = _named(made, tmp_path, "20260102T030400-aaaa")
    assert _row(tmp_path).result == "passed"
    with (folder / "journal.jsonl").open("a") as stream:
        stream.write(json.dumps(event(4, "preflight", "web1")) + "\n")
    row = _row(tmp_path)
    assert row.result == "unknown"
    assert row.outcome == "the gates passed, and the roll-out was not concluded: it is under way, or was ended"


def test_without_any_run_the_page_says_so(tmp_path: Path) -> None:
    assert rows(tmp_path / "nowhere") == []
    assert "Nothing has run yet." in history(tmp_path)


def test_the_page_has_a_row_for_each_run_and_what_is_no_run_is_none(tmp_path: Path) -> None:
    for number, make in enumerate(SAMPLES.values()):
        _named(make(), tmp_path, f"20260102T0304{number:02}-aaaa")
    (tmp_path / "index.html").touch()
    (tmp_path / ".new").mkdir()
    page = history(tmp_path)
    assert page.count('<th scope="row" class="run">') == len(SAMPLES)
    assert "<script" not in page
    assert re.search(r"<a href=\"20260102T030400-aaaa/run\.json\">2026-01-02 03:04:00 UTC</a>", page)


def test_of_a_thousand_runs_only_the_heads_are_read(tmp_path: Path) -> None:
    long = confirmed()
    long["events"] += [event(5, "bake", f"web{n}", words="x" * 2000) for n in range(100)]
    text = json.dumps(long, indent=1) + "\n"
    for number in range(1000):
        folder = tmp_path / f"20260102T{number:06}-aaaa"
        folder.mkdir()
        (folder / "run.json").write_text(text)
    # What is read into memory is counted, since how long it takes is a matter of the machine.
    before = _read_bytes()
    assert len(rows(tmp_path)) == 1000
    assert _read_bytes() - before < 1000 * 10_000 < 1000 * len(text) // 20


def _read_bytes() -> int:
    """The bytes that this process has read of files, cached or not."""
    (line,) = [line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar:")]
    return int(line.split()[1])
