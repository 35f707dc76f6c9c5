"""``accepted.yml`` as a file of others: each way to be wrong is told with its place, and nothing is lost by writing."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.file import AcceptedFile
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.model import read_changes
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.text import appended, read_text, without
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.unit.accepted.samples import LIVE, MOVED, NEW, OTHER, SLOW, change, row

NAME = "inventory/accepted.yml"


def _text(*rows: object) -> str:
    return yaml.safe_dump(list(rows), sort_keys=False, allow_unicode=True)


def _without_finding(name: str) -> dict[str, Any]:
    entry = row()
    del entry["findings"][0][name]
    return entry


def _with(**more: Any) -> dict[str, Any]:
    entry = row()
    entry["findings"][0] |= more
    return entry


ODD: list[tuple[str, str]] = [
    ("just a word", "inventory/accepted.yml: it is no list; expected one entry after another"),
    ("accepted: []", "inventory/accepted.yml: it is no list"),
    ("- 1\n- 2\n", "inventory/accepted.yml[0]: '1' is not a mapping; expected the keys run, changes, who"),
    ("- [run]\n", "inventory/accepted.yml[0]: a list is not a mapping"),
    (_text(row(reasn="x")), "inventory/accepted.yml[0]: unknown key 'reasn'; did you mean 'reason'?"),
    (_text(_with(lin=3)), "inventory/accepted.yml[0].findings[0]: unknown key 'lin'; did you mean 'lines'?"),
    (_text(row(run="../../x")), "inventory/accepted.yml[0].run: '../../x' is not the id of a run"),
    (
        _text(row(live="abc")),
        "inventory/accepted.yml[0].changes[0].live: 'abc' is no release id; expected 64 hexadecimal digits",
    ),
    (_text(row(live="abc")), ", or none where nothing is live"),
    (_text(row(candidate="none")), "inventory/accepted.yml[0].changes[0].candidate: 'none' is no release id"),
    (_text(row(candidate=LIVE)), "inventory/accepted.yml[0].changes[0].candidate: it is the live release as well"),
    (_text(row(reason="")), "inventory/accepted.yml[0].reason: the text is empty"),
    (_text(row(reason="...")), "inventory/accepted.yml[0].reason: '...' says nothing; write in words why"),
    (
        _text(row(reason="because " * 100)),
        "inventory/accepted.yml[0].reason: it has 799 letters; say it in at",
    ),
    (_text(row(reason=None)), "inventory/accepted.yml[0]: 'reason' is missing; write in words why this may pass"),
    (_text(row(who=["ada"])), "inventory/accepted.yml[0].who: a list is not text"),
    (_text(row(findings=[])), "inventory/accepted.yml[0].findings: the list is empty"),
    (_text(row(findings="all")), "inventory/accepted.yml[0].findings: 'all' is not a list"),
    (_text(row(findings=["*"])), "inventory/accepted.yml[0].findings[0]: '*' is not a mapping"),
    (_text(row(gate="syntax")), "inventory/accepted.yml[0].findings[0].gate: 'syntax' is not known; use lint, needs"),
    (_text(_without_finding("what")), "inventory/accepted.yml[0].findings[0]: 'what' is missing"),
    (_text(_with(lines=["x"])), "inventory/accepted.yml[0].findings[0].lines[0]: 'x' is not a whole number"),
    (_text(_with(lines=list(range(1, 2000)))), "inventory/accepted.yml[0].findings[0].lines: there are 1,999"),
    (_text(row(), row()), "inventory/accepted.yml[1].findings[0]: it says the same as inventory/accepted.yml[0].find"),
    (_text(row(MOVED, MOVED)), "inventory/accepted.yml[0].findings[1]: it says the same as"),
    ("- run: a\n  run: b\n", "inventory/accepted.yml:2: the key 'run' is there twice; delete one"),
    ("- ? [a]\n  : b\n", "inventory/accepted.yml:1: a key is a word"),
    ("- &a [x]\n- *a\n", "inventory/accepted.yml:2: an alias (*name) stands for something else; write it out"),
    ("- !!python/object:os.system {}\n", "inventory/accepted.yml:1: the tag tag:yaml.org,2002:python/object:os.system"),
    ("- !unsafe x\n", "inventory/accepted.yml:1: the tag !unsafe means nothing here"),
    ("- run: 'x\n", "inventory/accepted.yml:2: found unexpected end of stream; expected plain YAML"),
    ("a: 1\n---\nb: 2\n", "inventory/accepted.yml:2: but found another document; expected plain YAML"),
    ("[" * 50 + "]" * 50, "inventory/accepted.yml:1: it is nested too deeply"),
    ("- x\n" * 60_000, "inventory/accepted.yml: it has 60,001 lines; expected at most 50,000"),
    ("- x\n" * 600, "inventory/accepted.yml: there are 600; expected at most 500: delete what is spent"),
    (f"- {'x' * 20_000}\n", "inventory/accepted.yml:1: the line has 20,002 letters; expected at most 10,000"),
    (
        "# \x1b[2Jhi\n",
        "inventory/accepted.yml:1: it has characters that nobody sees: # \\x1b[2Jhi; expected text that a",
    ),
    ("# ok\n# \u202egnorw\n", "inventory/accepted.yml:2: it has characters that nobody sees: # \\u202egnorw"),
    ("# ok \u3164\n", "inventory/accepted.yml:1: it has characters that nobody sees: # ok \\u3164"),
    (_text(row(reason="ㅤㅤ")), "it has characters that nobody sees"),
    (_text(row()).replace("the catalogue moved", '"\\u200b\\u3164"'), "says nothing; write in words why"),
    ('- "\\Uffffffff"\n', "inventory/accepted.yml: an escape in it names no character; expected plain YAML"),
    ("-\trun: x\n", "inventory/accepted.yml:1: it has characters that nobody sees: -\\trun: x"),
]


@pytest.mark.parametrize(("text", "words"), ODD, ids=range(len(ODD)))
def test_what_is_wrong_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(SluiceError) as refused:
        read_text(text, NAME)
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n", "# nothing is accepted\n", "[]\n"])
def test_a_file_without_entries_has_none(text: str) -> None:
    assert read_text(text, NAME) == []


def test_values_are_text_whatever_yaml_takes_them_for() -> None:
    text = _text(row()).replace("who: ada", "who: 007").replace("when: '2026-01-02T03:04:05Z'", "when: 2026-01-02")
    (entry,) = read_text(text.replace("the catalogue moved", "yes"), NAME)
    assert (entry.change.who, entry.change.when, entry.change.reason) == ("007", "2026-01-02", "yes")


def test_what_is_written_is_read_again_with_its_lines_for_the_reader() -> None:
    first, second = change(MOVED, SLOW), change(SLOW, gate="lint", live="none", candidate=OTHER)
    text = appended("", [first, second], NAME)
    assert text.startswith("# What people let pass of what the gates found")
    assert [entry.change.to_plain() for entry in read_text(text, NAME)] == [first.to_plain(), second.to_plain()]


def test_an_entry_is_read_as_a_reviewer_reads_it() -> None:
    (entry,) = read_changes([_with(lines=[7, 9])], NAME)
    written = appended("", [entry], NAME).partition("live is.\n")[2] or appended("", [entry], NAME)
    assert written.splitlines()[-14:] == [
        "- run: 20260102T030405-abcd",
        "  changes:",
        f"  - live: {LIVE}",
        f"    candidate: {NEW}",
        "  who: ada",
        "  when: '2026-01-02T03:04:05Z'",
        "  reason: the catalogue moved",
        "  findings:",
        "  - gate: behaviour",
        "    file: conf.d/shop.conf",
        "    lines: [7, 9]",
        "    what: 'location /old → /new: clients go elsewhere'",
        "    expected: location /old, as the live release answers",
        "    actual: /new for GET http://shop.example/old and 7 more",
    ]


COMMENTED = f"""# ours, see the wiki
{appended("", [change(candidate=OTHER)], NAME)}# until the autumn

"""


def test_what_people_wrote_between_entries_stays() -> None:
    more = appended(COMMENTED, [change()], NAME)
    assert more.startswith(COMMENTED.rstrip("\n"))
    assert [entry.change.pairs[0][1] for entry in read_text(more, NAME)] == [OTHER, NEW]
    assert without(more, {"d" * 64}, NAME) == more
    less = without(more, {NEW}, NAME)
    assert less.rstrip("\n") == COMMENTED.rstrip("\n")
    assert without(less, {LIVE}, NAME) == less
    assert read_text(without(less, {OTHER}, NAME), NAME) == []
    assert without(less, {OTHER}, NAME).startswith("# ours, see the wiki\n")


@pytest.mark.parametrize(
    "text", [yaml.safe_dump([row(candidate=OTHER)], default_flow_style=True), _text(row(candidate=OTHER))]
)
def test_another_way_to_write_yaml_loses_nothing(text: str) -> None:
    more = appended(text, [change()], NAME)
    assert [entry.change.pairs[0][1] for entry in read_text(more, NAME)] == [OTHER, NEW]
    assert [entry.change.pairs[0][1] for entry in read_text(without(more, {OTHER}, NAME), NAME)] == [NEW]
    assert read_text(without(text, {OTHER}, NAME), NAME) == []


def test_nothing_is_written_that_could_not_be_read_again() -> None:
    text = _text(*(row(candidate=f"{number:064x}") for number in range(500)))
    with pytest.raises(SluiceError, match=r"accepted\.yml: there are 501; expected at most 500: delete what is spent"):
        appended(text, [change()], NAME)
    with pytest.raises(SluiceError, match=r"accepted\.yml has more than 1,048,576 bytes"):
        appended("# long\n" * 40_000 + f"# {'x' * 9_000}\n" * 86, [change()], NAME)


def _file(tmp_path: Path) -> AcceptedFile:
    return AcceptedFile(tmp_path / "accepted.yml", NAME)


def test_a_file_that_is_not_there_accepts_nothing(tmp_path: Path) -> None:
    assert _file(tmp_path).read() == ()
    assert _file(tmp_path / "gone").read() == ()


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_link, "inventory/accepted.yml is a link; expected a file: put it there itself"),
        (os.mkfifo, "inventory/accepted.yml is no file; expected one that"),
        (Path.mkdir, "inventory/accepted.yml is no file; expected one that"),
        (
            lambda path: path.write_bytes(b"#\xff"),
            "inventory/accepted.yml is no text in UTF-8: invalid start byte at byte 1",
        ),
        (lambda path: path.write_text("# x\n" * 300_000), "inventory/accepted.yml has more than 1,048,576 bytes"),
    ],
)
def test_what_is_no_text_of_its_own_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / "accepted.yml")
    began = time.monotonic()
    with pytest.raises(SluiceError) as refused:
        _file(tmp_path).read()
    with pytest.raises(SluiceError):
        _file(tmp_path).add([change()])
    assert words in str(refused.value)
    assert "root:" not in str(refused.value)
    assert time.monotonic() - began < 5


def test_it_is_written_readable_for_others_and_keeps_its_mode(tmp_path: Path) -> None:
    file = _file(tmp_path)
    assert file.add([change()]).changed
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o644
    file.path.chmod(0o600)
    file.add([change(candidate=OTHER)])
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["accepted.yml"]


def test_without_writing_it_only_says_what_would_be(tmp_path: Path) -> None:
    edit = _file(tmp_path).add([change()], write=False)
    assert (edit.before, edit.changed) == ("", True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_or_takes_nothing_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SluiceError, match=r"accepted\.yml cannot be written: .*; give this user the folder .*/gone"):
        _file(tmp_path / "gone").add([change()])


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    candidates = [f"{number:064x}" for number in range(12)]
    ready = threading.Barrier(len(candidates))

    def add(candidate: str) -> None:
        ready.wait()
        _file(tmp_path).add([change(candidate=candidate)])

    threads = [threading.Thread(target=add, args=(each,)) for each in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.pairs[0][1] for each in _file(tmp_path).read()} == set(candidates)


def test_a_large_file_is_read_in_seconds() -> None:
    entries = [row(SLOW, candidate=f"{number:064x}", reason=f"word {number} " * 30) for number in range(490)]
    began = time.process_time()
    assert len(read_text(_text(*entries), NAME)) == 490
    assert time.process_time() - began < 20
