from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lint.acceptance import complaints, read_acceptances
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding

TREE = """# sluice: accept first: for the block below
server {
    listen 80;  # sluice: accept own_line: the port is right

    # sluice: accept below: several
    # words of explanation
    root /srv;
    location / {  # sluice: accept block: the whole location
        index a.html
              b.html;
        if ($x) {
            return 404;
        }
    }
    log_format x 'a'
                 'b';  # sluice: accept lines: of a long directive
    add_header X "# sluice: accept quoted: no comment";
    # sluice: accept no_reason
    # sluice:accept   tight:reason: with a colon
    gzip on; gzip_vary on;  # sluice: accept both: two on a line
}
# sluice: accept last: there is nothing below
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a.conf").write_text(TREE)
    (tmp_path / "b.conf").write_text("gzip on;\n")
    return tmp_path


@pytest.mark.parametrize(
    ("rule", "covered"),
    [
        ("first", range(2, 22)),
        ("own_line", [3]),
        ("below", [7]),
        ("block", range(8, 15)),
        ("lines", [15, 16]),
        ("quoted", []),
        ("no_reason", []),
        ("tight", [20]),
        ("both", [20]),
        ("last", []),
    ],
)
def test_an_acceptance_holds_for_its_directive_and_all_in_its_block(tree: Path, rule: str, covered: list[int]) -> None:
    found = read_acceptances(tree, ["a.conf", "b.conf"])
    lines = [
        line
        for line in range(1, 25)
        if any(each.covers(rule, Finding("x", file="a.conf", line=line)) for each in found)
    ]
    assert lines == list(covered)
    assert not any(each.covers(rule, Finding("x", file="b.conf", line=3)) for each in found)


def test_a_reason_may_say_anything(tree: Path) -> None:
    reasons = {each.rule: each.reason for each in read_acceptances(tree, ["a.conf"])}
    assert reasons["tight"] == "reason: with a colon"
    assert reasons["no_reason"] == ""


def test_acceptances_that_are_no_good_are_complained_of(tree: Path) -> None:
    found = read_acceptances(tree, ["a.conf"])
    known = {each.rule for each in found} - {"own_line"}
    used = [each for each in found if each.rule in ("first", "below", "block", "lines", "tight")]
    said = {finding.line: finding.what for finding in complaints(found, used, known)}
    assert said == {
        3: "'accept own_line' names no rule that exists",
        18: "'accept no_reason' has no reason, so it accepts nothing",
        20: "'accept both' accepts nothing: there is no such finding here",
        22: "'accept last' accepts nothing: there is no such finding here",
    }
