"""The end of a run: what it came to is told whatever becomes of its record."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from ansible_collections.sluice.nginx.plugins.action import run_end
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.file import AcceptedFile
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.plugin_utils import concluding
from tests.unit.accepted.samples import change

OLD, NEW = "a" * 64, "b" * 64
GATES = {"releases": [], "signed": True, "emergency": None}
ALL = {"report.html", "junit.xml", "findings.sarif", "run.json", "journal.jsonl", "fleet.txt"}


class Ending:
    """A run that is brought to its end, and what a person is shown."""

    def __init__(self, root: Path, *events: tuple[str, str, bool, dict[str, Any]]) -> None:
        self.accepted = root / "accepted.yml"
        self.variables = {"groups": {"web": ["web1"]}}
        self.record = RunRecord(open_run(root / "runs"))
        self.folder = Path(self.record.run.folder)
        self.shown: list[str] = []
        self.warnings: list[str] = []
        for phase, host, good, answer in events:
            self.record.note(phase, host, good=good, answer=answer)

    def end(self, *, check_mode: bool = False) -> dict[str, Any]:
        action: Any = run_end.ActionModule.__new__(run_end.ActionModule)
        action._task, action._templar = SimpleNamespace(check_mode=check_mode), None
        action._display = SimpleNamespace(display=self.shown.append, warning=self.warnings.append)
        action._state = lambda: self.folder.parent
        return dict(
            action.work(
                {"run": self.record.run.to_json(), "accepted_file": str(self.accepted), "inventory": "shop"},
                self.variables,
            )
        )

    def written(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run.json").read_text()))


def _way(host: str, finalize: str = "confirm", **more: Any) -> list[tuple[str, str, bool, dict[str, Any]]]:
    asked = {"live": OLD, "release": NEW, "changes_needed": True}
    return [
        ("preflight", host, True, asked),
        ("activate", host, True, {"before": OLD}),
        ("finalize", host, more.pop("good", True), {"operation": finalize, **more}),
    ]


GATE = ("gate", "", True, GATES)
FAILED = {"problems": [{"what": "no answer"}]}
GONE = {"unreachable_host": True, **FAILED}


@pytest.mark.parametrize(
    ("events", "result", "good"),
    [
        ([GATE, *_way("web1")], "confirmed", True),
        (
            [GATE, ("preflight", "web1", True, {"release": NEW, "live": NEW, "changes_needed": False})],
            "unchanged",
            True,
        ),
        ([GATE, ("preflight", "web1", False, FAILED)], "stopped", False),
        (
            [GATE, ("activate", "web2", False, {**FAILED, "rolled_back": True}), *_way("web1", "rollback")],
            "rolled back",
            False,
        ),
        ([GATE, ("bake", "web1", False, FAILED), *_way("web1", "rollback", good=False, **GONE)], "broken", False),
        ([GATE, ("bake", "web1", False, FAILED), *_way("web1")], "broken", False),
        ([GATE, *_way("web1")[:2]], "broken", False),
        ([GATE, ("preflight", "web1", True, {"release": NEW, "changes_needed": True})], "unchanged", True),
    ],
)
def test_what_a_run_came_to(
    tmp_path: Path, events: list[tuple[str, str, bool, dict[str, Any]]], result: str, good: bool
) -> None:
    ending = Ending(tmp_path, *events)
    answer = ending.end()
    assert (ending.written()["result"], "failed" not in answer) == (result, good)
    assert ending.warnings == []
    assert {path.name for path in ending.folder.iterdir()} >= ALL
    assert (ending.folder / "postmortem.md").is_file() == (result in ("stopped", "rolled back", "broken"))


def test_in_check_mode_it_is_a_prediction(tmp_path: Path) -> None:
    ending = Ending(tmp_path, GATE, ("preflight", "web1", True, {"release": NEW, "changes_needed": True}))
    ending.end(check_mode=True)
    assert (ending.written()["result"], ending.written()["outcome"]) == ("predicted", "1 of 1 host would be switched")


def test_a_rollback_has_a_complete_record_without_gates(tmp_path: Path, project: Path) -> None:
    ending = Ending(tmp_path, *_way("web1"), *_way("web2"))
    ending.end()
    written = ending.written()
    jsonschema.Draft202012Validator(json.loads((project / "docs/schemas/run-3.json").read_text())).validate(written)
    (release,) = written["releases"]
    assert (release["release"], release["live"], release["hosts"]) == (NEW, OLD, ["web1", "web2"])
    assert (release["passed"], written["signed"], written["inventory"]) == (None, None, "shop")


def test_the_last_lines_say_where_the_report_and_the_record_are(tmp_path: Path) -> None:
    ending = Ending(tmp_path, GATE, *_way("web1"))
    shown = Path(ending.end()["sluice_report"]).read_text().splitlines()
    assert shown[-2:] == [f"report: {ending.folder}/report.html", f"record: {ending.folder}/run.json"]
    assert shown[-3] == "1 host switched and confirmed"


def test_a_folder_that_takes_nothing_more_changes_nothing_of_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    ending = Ending(tmp_path, GATE, *_way("web1"))
    monkeypatch.setattr(RunRecord, "write", full)
    monkeypatch.setattr(RunRecord, "show", full)
    answer = ending.end()
    assert answer == {"changed": False, "outcome": "1 host switched and confirmed"}
    (warning,) = ending.warnings
    assert warning == (
        f"{ending.folder}/run.json could not be written: No space left on device; "
        "what the run came to is not changed by that"
    )
    (shown,) = ending.shown
    assert shown.splitlines()[-2:] == ["1 host switched and confirmed", f"record: {ending.folder}/run.json"]


def test_reports_that_cannot_be_written_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Ending(tmp_path, GATE, *_way("web1"))
    monkeypatch.setattr(concluding, "publish", lambda folder, project: ["junit.xml could not be written: full"])
    assert "failed" not in ending.end()
    assert ending.warnings == ["junit.xml could not be written: full"]


SPENT = "accepted.yml: what was accepted of run 20260102T030405-abcd is spent, and was removed; commit the file"


@pytest.mark.parametrize(
    ("events", "group", "left"),
    [
        (_way("web1"), ["web1"], [OLD]),
        ([("preflight", "web1", True, {"release": NEW, "live": NEW, "changes_needed": False})], ["web1"], [OLD]),
        (_way("web1"), ["web1", "web2"], [NEW, OLD]),
        (_way("web1", "rollback", good=False, **FAILED), ["web1"], [NEW, OLD]),
        ([("preflight", "web1", False, FAILED)], ["web1"], [NEW, OLD]),
    ],
)
def test_what_was_accepted_goes_when_it_serves_on_all_hosts_of_the_group(
    tmp_path: Path, events: list[tuple[str, str, bool, dict[str, Any]]], group: list[str], left: list[str]
) -> None:
    ending = Ending(tmp_path, GATE, *events)
    file = AcceptedFile(ending.accepted, "accepted.yml")
    file.add([change(), change(live=NEW, candidate=OLD)])
    ending.variables = {"groups": {"web": group}}
    shown = Path(ending.end()["sluice_report"]).read_text()
    assert [each.pairs[0][1] for each in file.read()] == left
    assert (f"\n{tmp_path}/{SPENT}\n" in shown) == (left == [OLD])


def test_in_check_mode_it_stays(tmp_path: Path) -> None:
    ending = Ending(tmp_path, GATE, *_way("web1")[:1])
    file = AcceptedFile(ending.accepted, "accepted.yml")
    file.add([change()])
    ending.end(check_mode=True)
    assert len(file.read()) == 1


def test_what_cannot_be_removed_is_told_and_changes_nothing_of_the_end(tmp_path: Path) -> None:
    ending = Ending(tmp_path, GATE, *_way("web1"))
    ending.accepted.write_text("- nonsense\n")
    answer = ending.end()
    assert "failed" not in answer
    words = "what was accepted of this change is spent, and could not be removed; delete it: "
    assert words + f"{ending.accepted}[0]: 'nonsense' is not a mapping" in Path(answer["sluice_report"]).read_text()


def test_a_damaged_journal_is_told_with_its_line(tmp_path: Path) -> None:
    ending = Ending(tmp_path, GATE)
    with (ending.folder / "journal.jsonl").open("a") as stream:
        stream.write("{half\n")
    with pytest.raises(SluiceError, match=r"line 2 of .*journal\.jsonl is damaged"):
        ending.end()
