"""What is written beside ``run.json``, each by its own rules, and what happens when it cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from ansible_collections.sluice.nginx.plugins.module_utils.reports import publish as publishing
from ansible_collections.sluice.nginx.plugins.module_utils.reports.junit import junit
from ansible_collections.sluice.nginx.plugins.module_utils.reports.page.render import report
from ansible_collections.sluice.nginx.plugins.module_utils.reports.publish import publish
from ansible_collections.sluice.nginx.plugins.module_utils.reports.sarif import sarif
from tests.unit.record.samples import (
    FINDING,
    SAMPLES,
    accepted,
    confirmed,
    large,
    rolled_back,
    stopped,
    summed,
    written,
)

SCHEMAS = Path(__file__).with_name("schemas")
UNCHANGED = "what the run came to is not changed by that"
WRITTEN = ("report.html", "junit.xml", "findings.sarif")


class Page(HTMLParser):
    """The text of a page, its elements, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self._skip = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._skip = tag == "style"
        given = dict(attrs)
        self.fetched += [str(given[name]) for name in ("src", "srcset", "action", "data") if name in given]
        if tag == "link":
            self.fetched.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        self._skip = False

    def handle_data(self, data: str) -> None:
        self.words += [] if self._skip else data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def sarif_schema() -> Any:
    return jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()))


@pytest.fixture(scope="module")
def junit_schema() -> Any:
    return xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))


@pytest.mark.parametrize("name", SAMPLES)
def test_junit_is_what_its_schema_says(name: str, junit_schema: Any) -> None:
    text = junit(SAMPLES[name]())
    junit_schema.validate(text)
    root = ElementTree.fromstring(text)
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase"))


@pytest.mark.parametrize("name", SAMPLES)
def test_sarif_is_what_its_schema_says(name: str, sarif_schema: Any) -> None:
    sarif_schema.validate(json.loads(sarif(SAMPLES[name]())))


def test_each_gate_each_check_and_each_host_is_a_case() -> None:
    root = ElementTree.fromstring(junit(stopped()))
    cases = {str(case.get("name")): case for case in root.iter("testcase")}
    assert [case.tag for case in cases["spec"]] == []
    failure = cases["smoke"].find("failure")
    assert failure is not None
    assert failure.get("message") == FINDING.what
    assert f"at {FINDING.file}:2\nfrom {FINDING.origin}" in str(failure.text)
    check = cases["the shop is open"].find("failure")
    assert check is not None
    assert check.get("message") == "expected status 200, got 404"
    assert cases["verify"].find("skipped") is not None
    hosts = ElementTree.fromstring(junit(rolled_back())).findall("testsuite[@name='roll-out']/testcase")
    failed = [case.get("name") for case in hosts if case.find("failure") is not None]
    assert ([case.get("name") for case in hosts], failed) == (["web1", "web2", "web3"], ["web3"])


def _place(**finding: Any) -> dict[str, Any]:
    made = stopped()
    made["releases"][0]["culprits"] = None
    verdicts = made["releases"][0]["verdicts"]
    verdicts[2]["findings"] = []
    verdicts[6]["findings"][0].update(finding)
    (result,) = json.loads(sarif(summed(made)))["runs"][0]["results"]
    return dict(result)


@pytest.mark.parametrize(
    ("finding", "uri", "line", "words"),
    [
        ({}, "files/nginx/sites-enabled/shop.conf", 2, "fix: fix the line, or the check"),
        ({"origin": "/srv/project/files/a b.conf", "file": "a b.conf"}, "files/a%20b.conf", 2, "actual: 404"),
        ({"origin": "/etc/else/shop.conf", "file": "shop.conf"}, "file:///etc/else/shop.conf", 2, "actual: 404"),
        ({"origin": "", "file": "nginx.conf"}, "nginx.conf", 2, "actual: 404"),
        (
            {"origin": "roles/nginx/templates/site.conf.j2"},
            "roles/nginx/templates/site.conf.j2",
            None,
            "as rendered: sites-enabled/shop.conf:2",
        ),
    ],
)
def test_a_finding_is_placed_in_the_file_that_the_user_wrote(
    finding: dict[str, Any], uri: str, line: int | None, words: str
) -> None:
    result = _place(**finding)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert place.get("region") == ({"startLine": line} if line else None)
    assert words in result["message"]["text"]
    assert result["level"] == "error"


@pytest.mark.parametrize(
    "text",
    ["location ~ ^/[a-z](/.*)$ matches no path", "got Location [sign in again](https://evil.example/)", "[x](1)"],
)
def test_no_text_of_others_is_a_link_in_sarif(text: str) -> None:
    """Viewers make a link of it: a regular expression was mangled, and a header led readers elsewhere."""
    words = _place(what=text)["message"]["text"]
    assert "](" not in words
    assert text in words.replace("\u200b", "")


def test_what_many_releases_share_is_one_result_and_the_culprit_line_is_one_too() -> None:
    made = stopped()
    made["releases"] = made["releases"] * 3
    results = json.loads(sarif(summed(made)))["runs"][0]["results"]
    assert [(each["ruleId"], each["level"]) for each in results] == [
        ("lint/version_disclosure", "warning"),
        ("smoke", "error"),
        ("culprit", "error"),
    ]
    assert results[2]["message"]["text"] == "this part of the change makes a gate fail: smoke"


@pytest.mark.parametrize(
    ("origin", "has_fix"),
    [("files/nginx/conf.d/a.conf", True), ("files/nginx/conf.d/a.conf.j2", False), ("packaged/conf.d/a.conf", False)],
)
def test_a_mechanical_fix_is_in_sarif_where_the_file_is_the_user_s(
    origin: str, has_fix: bool, sarif_schema: Any
) -> None:
    made = accepted()
    (finding, *_) = [each for verdict in made["releases"][0]["verdicts"] for each in verdict["findings"]]
    fix = {"file": "conf.d/a.conf", "line": 3, "old": "  rot /srv;", "new": ["  root /srv;", "  index a;"]}
    finding |= {"file": "conf.d/a.conf", "line": 3, "origin": origin, "edits": [fix]}
    told = json.loads(sarif(summed(made)))
    sarif_schema.validate(told)
    found = [each["fixes"] for each in told["runs"][0]["results"] if "fixes" in each]
    assert bool(found) == has_fix
    for (fixed,) in found:
        assert fixed["description"]["text"] == "write root /srv;; index a;"
        (change,) = fixed["artifactChanges"]
        assert change["artifactLocation"]["uri"] == origin
        (one,) = change["replacements"]
        assert one["deletedRegion"] == {"startLine": 3, "startColumn": 1, "endColumn": 12}
        assert one["insertedContent"] == {"text": "  root /srv;\n  index a;"}


def test_what_a_person_let_pass_is_suppressed_in_sarif_with_who_and_why() -> None:
    mild, result = json.loads(sarif(accepted()))["runs"][0]["results"]
    words = "by ada: the shop moves on Monday"
    assert result["suppressions"] == [{"kind": "external", "status": "accepted", "justification": words}]
    assert f"accepted: {words}" in result["message"]["text"]
    assert "suppressions" not in mild


def test_what_a_person_let_pass_is_loud_on_the_page() -> None:
    text = Page(report(accepted())).text
    assert "ACCEPTED by ada: the shop moves on Monday (1 finding: 1 of smoke)" in text
    assert "smoke ! accepted 0.2 s" in text
    assert f"Accepted: {FINDING.what}" in text
    many = accepted()
    many["releases"][0]["verdicts"][6]["findings"] *= 40
    assert Page(report(many)).text.count("Accepted: ") == 40


def test_the_page_of_a_stopped_run_has_the_command_that_accepts_it() -> None:
    command = "ansible-playbook sluice.nginx.accept -i inventory -e run=20260102T030400-1f2e"
    assert f"commit the file that this writes: {command}" in Page(report({**stopped(), "offer": command})).text
    assert "sluice.nginx.accept" not in Page(report(stopped())).text


def test_a_rule_of_lint_is_described_in_sarif(sarif_schema: Any) -> None:
    made = stopped()
    made["releases"][0]["verdicts"][2]["findings"][0]["what"] = "shop.exmaple is new [typo_in_identifier]"
    made_sarif = json.loads(sarif(made))
    sarif_schema.validate(made_sarif)
    lint, *others = made_sarif["runs"][0]["tool"]["driver"]["rules"]
    assert lint["id"] == "lint/typo_in_identifier"
    assert lint["shortDescription"]["text"].startswith("A word is new and one typing error away")
    assert [set(each) for each in others] == [{"id"}, {"id"}]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_brings_all_that_it_needs_and_no_script(name: str) -> None:
    text = report(SAMPLES[name]())
    page = Page(text)
    assert [each for each in page.fetched if each != "data:,"] == []
    assert {"script", "iframe", "object", "embed", "img", "form"} & set(page.tags) == set()
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("confirmed", ["✓ Confirmed on every host", "3 hosts switched and confirmed", "signed", "30 s"]),
        (
            "confirmed",
            [
                "sites-enabled/shop.conf",
                "+1 \N{MINUS SIGN}1",
                "index.phpp;",
                "lines 10-12 location /50x.html",
                "1 of 2",
            ],
        ),
        ("confirmed", ["pending: checks and bake", "✓ confirmed switched from aaaaaaaaaaaa", "Requests a second"]),
        ("confirmed", ["747 requests, 0 answered with 5xx."]),
        (
            "stopped",
            [
                "✗ Stopped: no host was touched",
                "Culprit",
                "9 trials in 2.2 s; without it the rest of the change passes",
            ],
        ),
        ("stopped", ["- fastcgi_param", "+ fastcgi_param", "Primary script unknown", "No host was asked anything"]),
        ("stopped", ["✗ gate smoke sites-enabled/shop.conf:2: the shop is open: expected status 200, got 404"]),
        ("rolled back", ["↩ Rolled back: what was switched is back", "✗ web3, bake build 42 was expected"]),
        ("rolled back", ["7 answered with 5xx: GET /cart 7 times", "↩ rolled back rolled back"]),
        ("rollback", ["No gate was asked: the hosts have bbbbbbbbbbbb stored, and it passed before."]),
        ("nothing", ["Docker cannot be reached", "No release was examined in this run."]),
        ("shwitter", ["Culprit", "rewrite /(profile|profile_list)$ /v2/$1 last;", "trials in"]),
        ("shwitter", ["rewrite or internal redirection cycle while processing", "✗ gate smoke"]),
        ("one host differs", ["✗ web3, activate the check 'the host has the current build of the shop' does not hold"]),
        ("one host differs", ["conf.d/build.conf +9", "↩ rolled back rolled back by itself"]),
        ("large", ["100 hosts switched and confirmed", "web000.eu-central.shop.example", "… cut here:"]),
    ],
)
def test_a_page_says(name: str, words: list[str]) -> None:
    text = Page(report(SAMPLES[name]())).text
    for each in words:
        assert each in text


def test_a_page_says_what_the_change_does() -> None:
    record = confirmed()
    row: dict[str, Any] = {"edits": ["a.conf:3 location /a <b> added"], "where": "a.example, port 80", "paths": "/a"}
    row["when"] = "not -f /x"
    row |= {"before": "status 404", "after": "301 to /b", "because": "", "cases": [], "requests": 3, "asked": 500}
    for verdict in record["releases"][0]["verdicts"]:
        if verdict["gate"] == "behaviour":
            verdict["evidence"]["effects"] = {"rows": [row], "more": 0, "unread": [], "exact": True}
    text = Page(report(record)).text
    assert "What this change does" in text
    assert "a.conf:3 location /a <b> added a.example, port 80: /a (when not -f /x) status 404 → 301 to /b" in text
    assert "exact, 3 of 500 requests of the log" in text
    assert "What this change does" not in Page(report(rolled_back())).text


def test_nothing_breaks_out_of_a_page() -> None:
    text = report(SAMPLES["hostile"]())
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert "49" not in [word for word in Page(text).words if word == "49"]


def test_a_page_stays_small_whatever_the_run_brings() -> None:
    assert len(json.dumps(large())) > 8_000_000
    assert len(report(large())) < 3_000_000


def test_a_bad_round_of_checks_is_told_to_who_cannot_see_it() -> None:
    text = report(rolled_back())
    assert 'aria-label="looked at: 1.0 s, from +0.0 s; ' in text
    assert "one round of checks and logs, 1 NOT well" in text


def test_every_report_is_written_beside_the_record(tmp_path: Path) -> None:
    folder = written(confirmed(), tmp_path / "run")
    assert publish(folder) == []
    assert set(WRITTEN) <= {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("is_file", [False, True])
def test_templates_are_kept_compiled_beside_the_runs_where_that_can_be(tmp_path: Path, is_file: bool) -> None:
    if is_file:
        (tmp_path / "cache").touch()
    folder = written(confirmed(), tmp_path / "runs/run")
    assert publish(folder) == []
    assert (folder / "report.html").read_text(encoding="utf-8") == report(confirmed())
    assert is_file or len(list((tmp_path / "cache/templates").iterdir())) >= 2


def test_a_record_elsewhere_brings_no_folder_with_it(tmp_path: Path) -> None:
    assert publish(written(confirmed(), tmp_path / "artifact/run")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]


def test_a_damaged_record_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"schema": 3')
    (sentence,) = publish(tmp_path)
    assert sentence.startswith("no report was written: ")
    assert "is damaged" in sentence


def test_a_report_that_cannot_be_written_leaves_the_others_and_says_why(tmp_path: Path) -> None:
    folder = written(confirmed(), tmp_path / "run")
    (folder / "report.html").mkdir()
    (sentence,) = publish(folder)
    assert sentence.endswith(
        "report.html could not be written: Is a directory; what the run came to is not changed by that"
    )
    assert (folder / "junit.xml").is_file()
    assert (folder / "findings.sarif").is_file()


def test_a_fault_that_only_a_report_sees_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(record: Mapping[str, Any]) -> str:
        raise KeyError("gate")

    monkeypatch.setattr(publishing, "junit", fail)
    (told,) = publish(written(confirmed(), tmp_path / "run"))
    assert "/junit.xml could not be made: KeyError: 'gate'; run.json beside it has all that is known" in told


_FULL = """
import resource, signal, sys
from pathlib import Path
from ansible_collections.sluice.nginx.plugins.module_utils.reports.publish import publish
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
print("\\n".join(publish(Path(sys.argv[1]))))
"""


def test_a_disk_without_room_keeps_the_report_of_before_and_says_so(tmp_path: Path, project: Path) -> None:
    folder = written(confirmed(), tmp_path / "run")
    (folder / "report.html").write_text("the one before")
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(folder)],
        # Python would leave half of a compiled module there.
        env={"PYTHONPATH": str(project / ".cache/collections"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        "report.html could not be written: File too large; what the run came to is not changed by that" in done.stdout
    )
    assert (folder / "report.html").read_text() == "the one before"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
