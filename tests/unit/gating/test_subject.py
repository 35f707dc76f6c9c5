"""What gates see of a candidate."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, subject_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions


def test_a_tree_that_was_fetched_from_a_host_has_no_checks_and_can_be_examined(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/nginx.conf").write_text("events {}\n")
    described = {"id": "a" * 64, "manifest": [], "origins": {}, "facts": {}, "shared": [], "withheld": []}
    (tmp_path / "release.json").write_text(json.dumps(described))
    candidate = Candidate(hosts=("web1",), release=Release(read_release_id("a" * 64), tmp_path))
    subject = subject_of(candidate, GateOptions())
    assert subject.contract == []
    assert subject.config is not None
    assert subject.config.problems == []
