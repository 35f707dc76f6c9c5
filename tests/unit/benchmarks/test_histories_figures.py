from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from benchmarks.histories.document import document, kind_of
from benchmarks.histories.figures import lines, precision, share
from benchmarks.histories.replay import Outcome
from benchmarks.histories.transitions import of_folder, of_repository, read_labels


def _outcome(commit: str, label: str, **gates: str) -> Outcome:
    return Outcome("a+b", commit, label, f"what {commit} was", {"lint": "pass", **gates}, [], 3.0)


OUTCOMES = [
    _outcome("1", "good"),
    _outcome("2", "good", lint="fail"),
    _outcome("3", "bad", syntax="fail", behaviour="not run"),
    _outcome("4", "bad"),
    _outcome("5", "bad", needs="inconclusive"),
    _outcome("6", ""),
]


def test_the_three_figures() -> None:
    assert share(OUTCOMES, "good") == (1, 2)
    assert share(OUTCOMES, "bad") == (2, 3)
    assert precision(OUTCOMES) == (2, 3)
    told = list(lines(OUTCOMES))
    assert told[0] == "good: 1 of 2 stopped (50%)"
    assert "precision of a stop: 2 of 3 (67%)" in told
    assert "gates that stopped bad: syntax 1, needs 1" in told
    assert list(lines([])) == []


def test_what_was_told_wrongly_is_listed_with_its_reason() -> None:
    text = document({"a history": OUTCOMES}, {"a+b 4": "a wish | nobody wrote"})
    assert "| a history | 1 of 2 (50%) | 2 of 3 (67%) | 2 of 3 (67%) | 3 s |" in text
    assert "| a+b 2 | what 2 was | lint | not looked at |" in text
    assert "| a+b 4 | what 4 was | none | a wish \\| nobody wrote |" in text
    assert "what 1 was" not in text


def test_kinds_of_findings_are_counted() -> None:
    slip = {"gate": "behaviour", "what": "path /a → /b: another place answers, and it looks like a slip: b"}
    rule = {"gate": "lint", "what": "nothing is kept [cache_without_upstream]"}
    assert kind_of(slip) == ("behaviour", "it looks like a slip")
    assert kind_of({"gate": "behaviour", "what": "status 200 → 500: what worked fails"})[1] == "what worked fails"
    bad, good = (replace(each, findings=[slip, slip, rule]) for each in (OUTCOMES[2], OUTCOMES[1]))
    text = document({"a history": [bad, good, replace(good, findings=[rule])]}, {})
    assert "| behaviour | it looks like a slip | 1 | 1 |" in text
    assert "| lint | `cache_without_upstream` | 1 | 2 |" in text


def test_later_outcomes_have_a_row_of_their_own() -> None:
    later = [_outcome("2", "good"), _outcome("4", "bad", lint="fail"), _outcome("elsewhere", "bad")]
    text = document({"a history": OUTCOMES, "another": OUTCOMES[:1]}, {}, later)
    assert "| a history | 1 of 2 (50%) | 2 of 3 (67%) |" in text
    assert "| the same, with the later outcomes of 2 that were run again | 0 of 2 (0%) | 3 of 3 (100%) |" in text
    assert text.count("the same, with") == 1
    assert "| a+b 2 | what 2 was | lint | not looked at |" in text


@pytest.mark.parametrize("line", ["a b", "r\tc\tfine\tnote", "r\tc\tgood", "r\tc\tgood\tnote\tmore"])
def test_a_label_that_cannot_be_read_is_refused_in_words(tmp_path: Path, line: str) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(f"# comment\n\n{line}\n")
    with pytest.raises(SluiceError, match=r"labels.tsv:3 is no label: .*expected: repository, commit, one of good"):
        read_labels(path)


def test_trees_that_are_not_there_are_missed_in_words(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("r\tc\tgood\tnote\n")
    with pytest.raises(SluiceError, match="expected the folders live and cand"):
        list(of_folder(tmp_path, read_labels(path)))


def _git(folder: Path, *arguments: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *named, *arguments], check=True, capture_output=True)


def test_the_last_commits_of_a_folder_are_its_transitions(tmp_path: Path) -> None:
    repository, work = tmp_path / "infra", tmp_path / "work"
    (repository / "files/nginx").mkdir(parents=True)
    _git(repository, "init", "-q")
    for number in range(4):
        (repository / "files/nginx/a.conf").write_text(f"# {number}\n")
        (repository / "other").write_text(str(number))
        _git(repository, "add", "-A")
        _git(repository, "commit", "-qm", f"change {number}")
    (repository / "other").write_text("none of it")
    _git(repository, "commit", "-qam", "something else")
    found = list(of_repository(repository, "files/nginx", 2, [], work))
    assert [each.note for each in found] == ["change 2", "change 3"]
    assert [each.label for each in found] == ["", ""]
    assert (found[1].live / "a.conf").read_text() == "# 2\n"
    assert (found[1].candidate / "a.conf").read_text() == "# 3\n"
    assert not (found[1].candidate / "other").exists()


def test_what_is_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(SluiceError, match="git rev-parse failed"):
        list(of_repository(tmp_path, "", 1, [], tmp_path / "work"))
    with pytest.raises(SluiceError, match="expected a number of commits"):
        list(of_repository(tmp_path, "", 0, [], tmp_path / "work"))
