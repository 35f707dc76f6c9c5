"""playbooks/accept.yml as a person calls it, over the record of a run that the gates stopped."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.file import AcceptedFile
from ansible_collections.sluice.nginx.plugins.plugin_utils import accepting
from tests.commands import Ended, run_playbook
from tests.unit.accepted.samples import MOVED, verdict
from tests.unit.record.samples import NEW, OLD, record, release, written

PROJECT = Path(__file__).resolve().parents[3]
RUN = "20260102T030400-1f2e"
REASON = '{"reason": "the catalogue moved"}'


def _stopped(**more: Any) -> dict[str, Any]:
    row = {**release(["web1"]), "passed": False, **more}
    row["verdicts"][9] = verdict(MOVED).to_json()
    return record("stopped", f"stopped by the gate behaviour ({MOVED.what})", releases=[row])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with an inventory and the record of a run."""
    (tmp_path / "ansible.cfg").touch()
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/production.yml").write_text("web: {hosts: {web1: {ansible_connection: local}}}\n")
    (tmp_path / ".sluice").mkdir(mode=0o700)
    written(_stopped(), tmp_path / ".sluice/runs" / RUN)
    return tmp_path


def _accept(
    folder: Path, *arguments: str, inventory: str = "inventory/production.yml", playbook: str = "sluice.nginx.accept"
) -> Ended:
    settings = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "COLUMNS": "1000", "USER": "ada"}
    return run_playbook(folder, playbook, "-i", inventory, *arguments, environment=settings, seconds=60)


def test_check_mode_says_what_the_run_that_follows_writes_once(folder: Path) -> None:
    file = AcceptedFile(folder / "inventory/accepted.yml", "x")
    what = f"1 finding of the change from {OLD[:12]} to {NEW[:12]}, by "
    code, said = _accept(folder, "-e", f"run={RUN}", "-e", REASON, "--check", "--diff")
    assert code == 0, said
    assert f"inventory/accepted.yml would accept {what}" in said
    assert f"  behaviour: conf.d/shop.conf:7: {MOVED.what}" in said
    assert "+  reason: the catalogue moved\n" in said
    assert not file.path.exists()
    code, said = _accept(folder, "-e", f"run={RUN}", "-e", REASON)
    assert code == 0, said
    assert f"inventory/accepted.yml accepts {what}" in said
    assert "commit inventory/accepted.yml: whoever approves that commit approves these findings" in said
    assert "changed=1" in said
    (entry,) = file.read()
    assert (entry.run, entry.pairs, entry.reason) == (RUN, [(OLD, NEW)], "the catalogue moved")
    assert entry.who
    text = file.path.read_text()
    code, said = _accept(folder, "-e", "run=last", "-e", '{"reason": "once more"}')
    assert (code, file.path.read_text()) == (0, text), said
    assert "inventory/accepted.yml has all of it already; nothing to do" in said
    assert "changed=0" in said


def test_a_record_that_was_brought_from_elsewhere_will_do(folder: Path) -> None:
    (folder / ".sluice/runs" / RUN).rename(folder / "record")
    code, said = _accept(folder, "-e", "run=record", "-e", REASON, "-e", "gates_accepted_file=words.yml")
    assert code == 0, said
    assert [each.run for each in AcceptedFile(folder / "words.yml", "x").read()] == [RUN]


def test_a_folder_that_is_an_inventory_has_the_file_beside_it(folder: Path) -> None:
    code, said = _accept(folder, "-e", f"run={RUN}", "-e", REASON, inventory="inventory")
    assert code == 0, said
    assert (folder / "accepted.yml").is_file()
    assert "WARNING" not in said


def test_a_reason_that_ends_at_a_space_is_told_and_nothing_written(folder: Path) -> None:
    code, said = _accept(folder, "-e", f"run={RUN}", "-e", "reason=the catalogue moved")
    assert code == 2
    assert "reason: it ends at the first space, with 'the'" in said
    assert not (folder / "inventory/accepted.yml").exists()


def test_what_is_missing_is_told_and_nothing_written(folder: Path) -> None:
    """One run asks for all of it, since Ansible itself takes most of the time."""
    given = [
        ({"run": RUN}, "reason: it is missing, and stands in the file and in each record; give it in quotes"),
        ({"run": RUN, "reason": "SAY WHY"}, "reason: it is missing"),
        ({"run": RUN, "reason": "a\nb"}, "reason: it is more than one line of text"),
        ({"reason": "x"}, "run: which one is meant? Give its id, the beginning of it, last, or a record's folder"),
        ({"run": "20250102", "reason": "x"}, f"there is no run '20250102'; near to it, or last, are {RUN} (stopped)"),
        ({"run": "../gone", "reason": "x"}, "run: ../gone has no run.json; give the folder of a record"),
    ]
    (play,) = yaml.safe_load((PROJECT / "playbooks/accept.yml").read_text(encoding="utf-8"))
    (task,) = play["tasks"]
    play["tasks"] = [{**task, "vars": row, "ignore_errors": True} for row, _ in given]
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    code, said = _accept(folder, playbook="play.yml")
    assert code == 0, said
    tasks = said.split("TASK [Accept findings]")[1:]
    assert [words for (_, words), told in zip(given, tasks, strict=True) if words not in told] == [], said
    assert "ok=6" in said
    assert "ignored=6" in said
    assert not (folder / "inventory/accepted.yml").exists()


@pytest.mark.parametrize(
    ("sources", "extra", "line"),
    [
        (["{}/inventory/production.yml"], [], "-i inventory/production.yml"),
        (["{}/inventory/production.yml", "{}"], [], "-i inventory/production.yml -i ."),
        (["{}/a b.yml"], [], "-i 'a b.yml'"),
        (["web1,"], [], "-i web1,"),
        ([], [], ""),
        (
            ["/"],
            ["sluice_group=shops gates_accepted_file=words.yml other=1"],
            "-i / -e sluice_group=shops -e gates_accepted_file=words.yml",
        ),
        (["/"], ['{"sluice_state_dir": "a b"}'], """-i / -e '{"sluice_state_dir": "a b"}'"""),
    ],
)
def test_the_command_that_is_offered_names_the_inventory_and_what_says_where_things_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: list[str], extra: list[str], line: str
) -> None:
    (tmp_path / "inventory").mkdir()
    for name in ("inventory/production.yml", "a b.yml"):
        (tmp_path / name).touch()
    given = {"inventory": [each.format(tmp_path) for each in sources], "extra_vars": extra}
    monkeypatch.setattr(context, "CLIARGS", CLIArgs(given))
    monkeypatch.setattr(accepting, "project", lambda: tmp_path)
    # What is on the command line is read once.
    monkeypatch.setattr(accepting, "load_extra_vars", _read_extra_vars)
    told = accepting.offer(RUN, DataLoader())
    middle = f" {line}" if line else ""
    assert told == f"""ansible-playbook sluice.nginx.accept{middle} -e run={RUN} -e '{{"reason": "SAY WHY"}}'"""
    assert shlex.split(told)[-1] == '{"reason": "SAY WHY"}'


def _read_extra_vars(loader: DataLoader) -> dict[str, Any]:
    from ansible.parsing.splitter import parse_kv

    found: dict[str, Any] = {}
    for each in context.CLIARGS["extra_vars"]:
        found |= dict(loader.load(each)) if each.startswith("{") else parse_kv(each)
    return found


@pytest.mark.parametrize(
    ("wanted", "sources", "path"),
    [
        ("", ["{}/inventory/production.yml"], "inventory/accepted.yml"),
        ("", ["{}/inventory"], "accepted.yml"),
        ("", ["web1,"], "accepted.yml"),
        ("", ["web1,", "{}/inventory/production.yml"], "inventory/accepted.yml"),
        ("ci/words.yml", ["{}/inventory/production.yml"], "ci/words.yml"),
    ],
)
def test_the_file_lies_beside_the_inventory_and_never_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, sources: list[str], path: str
) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/production.yml").touch()
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"inventory": [each.format(tmp_path) for each in sources]}))
    monkeypatch.setattr(accepting, "project", lambda: tmp_path)
    file = accepting.accepted_file(wanted)
    assert (file.path, file.shown) == (tmp_path / path, path)
