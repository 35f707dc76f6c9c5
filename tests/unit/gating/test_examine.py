from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating import examine
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate


def _spec(subject: Subject) -> Verdict:
    return Verdict("fail", subject.problems[0]) if subject.problems else Verdict("pass", f"{subject.hosts[0]} is fine")


GATES = [Gate("spec", (), _spec), Gate("parse", ("spec",), lambda subject: Verdict("pass", "it parses"))]


def _examiner(docroots: dict[str, Path]) -> Examiner:
    # None of these gets as far as to a container.
    client = cast(docker.DockerClient, None)
    return Examiner(client, GATES, GateOptions(), StageSettings("none", {}, docroots, {}), (), "test")


def test_each_release_is_told_of_in_its_place_and_none_stops_the_others(tmp_path: Path) -> None:
    candidates = [
        Candidate(("web1",), None, ("a variable is wrong",)),
        Candidate(("web2",), Release("2" * 64, tmp_path / "gone")),
        *(Candidate((f"web{number}",), None) for number in range(3, 30)),
    ]
    first, second, *others = _examiner({}).examine(candidates)
    assert [(each.gate, each.result, each.summary) for each in first.verdicts] == [
        ("spec", "fail", "a variable is wrong"),
        ("parse", "not run", "not run: spec failed"),
    ]
    assert [(each.gate, each.result) for each in second.verdicts] == [("spec", "inconclusive"), ("parse", "not run")]
    assert second.verdicts[0].summary.startswith("the release could not be examined: ")
    assert "release.json cannot be read ([Errno 2]" in second.verdicts[0].summary
    assert second.verdicts[1].summary == "not run: spec is inconclusive"
    assert [each.verdicts[0].summary for each in others] == [f"web{number} is fine" for number in range(3, 30)]
    assert [each.passed for each in (first, second, *others)] == [False, False, *[True] * 27]


def test_a_setting_that_is_wrong_for_all_is_refused_once(tmp_path: Path) -> None:
    candidates = [Candidate((f"web{number}",), Release("2" * 64, tmp_path)) for number in range(3)]
    with pytest.raises(InputError, match=r"staging_docroots: .*/gone, which is mapped to /srv/shop, does not exist"):
        _examiner({"/srv/shop": tmp_path / "gone"}).examine(candidates)


def _searched(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, releases: int) -> list[str | None]:
    """What is noted of the search for each of releases that fail, where the search goes wrong."""

    def fails(*_: object) -> None:
        raise SluiceError("no disk")

    monkeypatch.setattr(examine, "find_culprits", fails)
    monkeypatch.setattr(Examiner, "_begin", lambda *_: [])
    live = ReleaseStore(folder).add({"nginx.conf": trees.file(b"events {}\n", "nginx.conf")}, [], [], {})
    release = ReleaseStore(folder).add({"nginx.conf": trees.file(b"events {} #\n", "nginx.conf")}, [], [], {})
    gates = [Gate("parse", (), lambda subject: Verdict("fail", "it does not parse"))]
    examiner = replace(_examiner({}), gates=gates, culprit_seconds=seconds)
    found = examiner.examine([Candidate((f"web{number}",), release, live=live) for number in range(releases)])
    assert {verdict.summary for each in found for verdict in each.verdicts} == {"it does not parse"}
    return [each.culprits.note if each.culprits else None for each in found]


def test_a_search_for_the_culprit_that_goes_wrong_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _searched(tmp_path, monkeypatch, 60, 1) == ["the search for the culprit lines failed: no disk"]
    assert _searched(tmp_path, monkeypatch, 0, 1) == [None]


def test_where_many_releases_fail_the_lines_of_a_few_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = _searched(tmp_path, monkeypatch, 60, 9)
    assert notes.count("the search for the culprit lines failed: no disk") == 4
    assert notes.count("not searched: the lines of 4 other releases of this run are") == 5
