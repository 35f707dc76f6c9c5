"""A line that no reader thought of stops at the gate `parse`, with its place, and not before the gates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates import parse as gate
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, subject_of
from ansible_collections.sluice.nginx.plugins.module_utils.needs import reading
from ansible_collections.sluice.nginx.plugins.module_utils.needs.parts.scope import Scoped, Scopes
from ansible_collections.sluice.nginx.plugins.module_utils.release.description import read
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions


def _broken(scopes: Scopes) -> Iterator[object]:
    for scoped in scopes.named("root"):
        yield _of(scoped)


def _of(scoped: Scoped) -> object:
    return scoped.directive.args[9]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    tree = tmp_path / "release/tree"
    tree.mkdir(parents=True)
    (tree / "nginx.conf").write_text("events {}\nhttp {\n  server {\n    root /srv;\n  }\n}\n")
    return Release("a" * 64, tmp_path / "release")


def test_a_fault_in_reading_needs_is_a_finding_of_parse(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PARTS", (_broken,))
    described = read(release.tree, ())
    assert described["needs"] == []
    (release.root / "release.json").write_text('{"contract": [], "origins": {}}')
    verdict = gate.run(subject_of(Candidate(("web1",), release), GateOptions()))
    assert verdict.result == "fail"
    (finding,) = verdict.findings
    assert (finding.file, finding.line) == ("nginx.conf", 4)
    assert "IndexError" in finding.what


def test_a_tree_that_does_not_parse_is_described_all_the_same(release: Release) -> None:
    (release.tree / "nginx.conf").write_text("events {}\nhttp { server { location { } listen 8080; } }\n")
    described = read(release.tree, ())
    assert described["facts"]["error_logs"]
    assert [need["value"] for need in described["needs"] if need["kind"] == "port"]
    assert parse_tree(release.tree).problems


def test_of_very_many_problems_some_are_told(release: Release) -> None:
    (release.tree / "nginx.conf").write_text("root;\n" * 5000)
    (release.root / "release.json").write_text('{"contract": [], "origins": {}}')
    verdict = gate.run(subject_of(Candidate(("web1",), release), GateOptions()))
    assert verdict.findings[-1].what == "and 4,800 problems more of this configuration"
