"""What a rule finds on real changes is counted once for each change, and by whether it was right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import gixy_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import find_rules
from benchmarks.histories.rules import RESULTS, Found, compare, tally
from benchmarks.histories.transitions import Transition

MAIN = "events {}\nhttp {\n    server_tokens off;\n    include conf.d/*.conf;\n}\n"
GOOD = "server {\n    listen 80;\n    client_max_body_size 20m;\n}\n"


def transition(folder: Path, live: str, candidate: str, label: str = "bad") -> Transition:
    for name, text in (("live", live), ("cand", candidate)):
        (folder / name / "conf.d").mkdir(parents=True)
        (folder / name / "nginx.conf").write_text(MAIN)
        (folder / name / "conf.d/site.conf").write_text(text)
    return Transition("shop", "c0ffee", label, "a unit", folder / "live", folder / "cand")


def test_only_what_is_new_is_found(tmp_path: Path) -> None:
    old = GOOD + "server {\n    listen 8080;\n    client_max_body_size 20;\n}\n"
    change = transition(tmp_path, old, f"# moved\n{old}server {{\n    listen 81;\n    client_max_body_size 30;\n}}\n")
    found = [each for each in compare(change, None) if each.when_new == "high"]
    assert [(each.rule, each.finding.line) for each in found] == [("wrong_unit", 12)]


def test_a_candidate_as_live_has_nothing_new(tmp_path: Path) -> None:
    assert compare(transition(tmp_path, GOOD, GOOD), None) == []


@pytest.mark.parametrize(
    ("label", "named", "kind"),
    [("bad", True, "right"), ("bad", False, "beside"), ("good", False, "wrong"), ("good", True, "right")],
)
def test_a_finding_counts_by_label_and_judgement(tmp_path: Path, label: str, named: bool, kind: str) -> None:
    change = transition(tmp_path, GOOD, GOOD, label)
    counts = tally([Found("wrong_unit", "high", change, "words", named)])
    assert counts == {"wrong_unit": {"right": 0, "beside": 0, "wrong": 0} | {kind: 1}}


def test_the_published_counts_are_of_rules_that_exist() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert results["rules"].keys() <= {*find_rules(), *gixy_rules()}
    for rows in results["rules"].values():
        for part, row in rows.items():
            totals = results["transitions"][part]
            assert row["beside"] <= totals["bad"]
            assert row["wrong"] <= totals["good"]
