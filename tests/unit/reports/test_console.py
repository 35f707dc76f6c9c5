from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import CulpritPlace, Culprits, CulpritSet
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import culprits_of
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import (
    culprits_text,
    findings_text,
    gates_text,
    verdict_table,
)
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import table
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

RELEASE = Release("0123456789abcdef", Path("/nowhere"))


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "a  long head\n-  ---------"),
        ([("cell", "b")], "a     long head\n----  ---------\ncell  b"),
        ([("x", "a cell that is longer")], "a  long head\n-  ---------\nx  a cell that is longer"),
        ([("", "")], "a  long head\n-  ---------\n"),
    ],
)
def test_a_table(rows: Sequence[tuple[str, str]], text: str) -> None:
    assert table(("a", "long head"), rows) == text


def test_the_verdicts_of_a_release() -> None:
    verdicts = [
        Verdict("pass", "3 files", gate="parse", seconds=0.04),
        Verdict("fail", "no such directive", gate="syntax", seconds=1.26),
        Verdict("inconclusive", "no Docker", gate="verify"),
        Verdict("not run", "not run: syntax failed", gate="start"),
    ]
    assert verdict_table(verdicts).splitlines() == [
        "gate    verdict       time   what it says",
        "------  ------------  -----  ------------",
        "parse   pass          0.0 s  3 files",
        "syntax  FAIL          1.3 s  no such directive",
        "verify  INCONCLUSIVE  0.0 s  no Docker",
        "start   -             0.0 s  not run: syntax failed",
    ]


def test_what_a_person_let_pass_is_told_though_the_release_passes() -> None:
    moved = Finding("clients go elsewhere", "a.conf", 3, fix="fix it", warning=True, accepted="by ada: it moved")
    mild = Finding("mild", warning=True)
    verdicts = [Verdict("pass", "accepted by ada: it moved (1 finding)", [moved, mild], gate="behaviour")]
    text = gates_text([Examined(Candidate(("web1",), RELEASE), verdicts)])
    assert text.splitlines()[1:] == [
        "gate       verdict   time   what it says",
        "---------  --------  -----  ------------",
        "behaviour  ACCEPTED  0.0 s  accepted by ada: it moved (1 finding)",
        "",
        "behaviour: clients go elsewhere",
        "    at        a.conf:3",
        "    accepted  by ada: it moved",
    ]
    half = [Verdict("fail", "bad", [moved, Finding("bad")], gate="behaviour")]
    assert "behaviour  FAIL" in gates_text([Examined(Candidate(("web1",), RELEASE), half)])


@pytest.mark.parametrize(
    ("finding", "lines"),
    [
        (Finding("bad"), ["smoke: bad"]),
        (Finding("mild", warning=True), []),
        (
            Finding(
                "a product is shown: status is 404",
                file="conf.d/a.conf",
                line=3,
                origin="a.conf.j2",
                check="nginx_checks[0]",
                expected="200",
                actual="404",
                nginx="open() failed",
                fix="add it",
            ),
            [
                "smoke: a product is shown: status is 404",
                "    at        conf.d/a.conf:3 (a.conf.j2)",
                "    check     nginx_checks[0]",
                "    expected  200",
                "    actual    404",
                "    nginx     open() failed",
                "    fix       add it",
            ],
        ),
    ],
)
def test_a_finding_says_what_is_known_and_nothing_else(finding: Finding, lines: list[str]) -> None:
    verdict = Verdict("fail", "bad", [finding], gate="smoke")
    assert findings_text([verdict]).splitlines() == lines


@pytest.mark.parametrize(
    ("candidate", "head"),
    [
        (Candidate(("web1",), RELEASE), "gates of release 0123456789ab for web1"),
        (Candidate(("a", "b", "c", "d", "e"), RELEASE), "gates of release 0123456789ab for a, b, c, d, e"),
        (Candidate(tuple("abcdefg"), RELEASE), "gates of release 0123456789ab for a, b, c, d, e and 2 more"),
        (Candidate(("web1",), None, ("bad",)), "gates of release (none) for web1"),
    ],
)
def test_the_report_names_release_and_hosts(candidate: Candidate, head: str) -> None:
    assert gates_text([Examined(candidate, [Verdict("pass", "fine", gate="spec")])]).splitlines()[0] == head


def test_the_report_shows_findings_of_what_did_not_pass_under_its_table() -> None:
    warning = Verdict("pass", "fine", [Finding("mild", warning=True)], gate="parse")
    fault = Verdict("fail", "bad", [Finding("very bad", fix="fix it")], gate="spec")
    good, bad = Examined(Candidate(("a",), RELEASE), [warning]), Examined(Candidate(("b",), None), [fault])
    first, second, findings = gates_text([good, bad]).split("\n\n")
    assert "mild" not in first
    assert second.splitlines()[-1].split() == ["spec", "FAIL", "0.0", "s", "bad"]
    assert findings == "spec: very bad\n    fix       fix it"


def test_the_report_says_whose_line_it_is_below_the_findings() -> None:
    place = CulpritPlace("conf.d/a.conf", 3, ("root /srv;",), ("root /www;",), "files/a.conf", "nginx_tree")
    culprits = Culprits(
        (CulpritSet({"smoke": ["a product is shown: status is 404"]}, (place,), True, True),), 9, 3.0, 50
    )
    verdicts = [Verdict("fail", "x", [Finding("a product is shown: status is 404")], gate="smoke")]
    examined = Examined(Candidate(("web1",), RELEASE), verdicts, culprits=culprits)
    said = gates_text([examined])
    assert said.index("smoke: a product is shown") < said.index("culprit (50 edits, 9 trials, 3.0 s)")
    assert said.endswith("    conf.d/a.conf:3 (files/a.conf, nginx_tree)\n    - root /srv;\n    + root /www;")


PLACES = (
    CulpritPlace(
        "conf.d/a.conf", 3, ("    root /srv;",), ("    root /www;",), "files/nginx/conf.d/a.conf", "nginx_tree"
    ),
    CulpritPlace(
        "conf.d/b.conf", 9, (), ("    gzip on;",), "roles/nginx/templates/site.conf.j2", "nginx_sites[0].gzip"
    ),
)


@pytest.mark.parametrize(
    ("culprits", "words"),
    [
        (None, ""),
        (Culprits(), ""),
        (
            Culprits(
                (CulpritSet({"smoke": ["a: expected status 200, got 404", "b"]}, PLACES[:1], True, True),), 9, 3.25, 50
            ),
            "culprit (50 edits, 9 trials, 3.2 s)\n"
            "  smoke: a: expected status 200, got 404 (and 1 more)\n"
            "    conf.d/a.conf:3 (files/nginx/conf.d/a.conf, nginx_tree)\n"
            "    - root /srv;\n"
            "    + root /www;",
        ),
        (
            Culprits((CulpritSet({"smoke": ["a"], "lint": ["x"]}, PLACES, True, True),), 1, 1, 2),
            "culprit (2 edits, 1 trial, 1.0 s)\n"
            "  smoke: a (and 1 more)\n"
            "    these 2 parts of the change are the culprits together\n"
            "    conf.d/a.conf:3 (files/nginx/conf.d/a.conf, nginx_tree)\n"
            "    - root /srv;\n"
            "    + root /www;\n"
            "    conf.d/b.conf:9 (roles/nginx/templates/site.conf.j2, nginx_sites[0].gzip)\n"
            "    + gzip on;",
        ),
        (
            Culprits((CulpritSet({"smoke": ["a"]}, (), None, False),), 7, 60, 50, "the search ended after 60 s"),
            "culprit (50 edits, 7 trials, 60.0 s)\n"
            "  smoke: a\n"
            "    no smaller part of the change was found that fails so\n"
            "    the search ended after 60 s",
        ),
    ],
)
def test_the_culprits_are_named_with_their_lines(culprits: Culprits | None, words: str) -> None:
    assert culprits_text(culprits_of([{"culprits": culprits.to_json() if culprits else None}])) == words
