"""The postmortem of a run says what is known and where from, and marks what is not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.draft import draft, unknown_traffic
from tests.unit.record.samples import (
    NEW,
    OLD,
    SAMPLES,
    event,
    hostile,
    large,
    record,
    release,
    rolled_back,
    stopped,
    summed,
)

SECTIONS = [
    "Issue summary",
    "Timeline (UTC)",
    "Root cause",
    "Resolution and recovery",
    "Corrective and preventative measures",
]
READER = MarkdownIt("commonmark").enable("table")

Record = dict[str, Any]


def lost() -> Record:
    """web2 is lost while it is switched, and nobody knows what became of it."""
    away = {"unreachable_host": True, "problems": [{"what": "the host cannot be reached"}]}
    check = {"name": "the shop is open", "ok": True, "request": "GET http://shop.example/", "problems": []}
    counted = {"start": "2026-01-02T03:03:34Z", "step": 1, "began": "2026-01-02T03:04:04Z", "ms": [None] * 33}
    counted |= {"requests": [10] * 33, "errors": [1] + [0] * 30 + [4, 3], "unread": 2}
    counted["failing"] = [{"request": "GET /cart", "count": 6}, {"request": "GET /", "count": 1}]
    events = [
        event(1, "preflight", "web1", release=NEW, changes_needed=True),
        event(1, "preflight", "web2", release=NEW, changes_needed=True),
        event(5, "activate", "web1", release=NEW, before=OLD, checks=[check]),
        event(9, "activate", "web2", good=False, **away),
        event(
            11, "finalize", "web1", operation="rollback", release=OLD, rolled_back=True, means="reload", traffic=counted
        ),
        event(12, "finalize", "web2", good=False, operation="rollback", **away),
    ]
    words = "web2 failed in activate (the host cannot be reached); the 1 switched before it were rolled back"
    return record("broken", words, releases=[release(["web1", "web2"])], events=events)


def in_preflight() -> Record:
    events = [event(1, "preflight", "web1", good=False, problems=[{"what": "the live tree was changed (drift)"}])]
    return record("stopped", "web1 failed in preflight", events=events)


def sections(text: str) -> dict[str, str]:
    """The text of each section by its head, as a reader of Markdown finds them."""
    lines = text.splitlines()
    heads = [
        (token.map[0], lines[token.map[0]].removeprefix("## "))
        for token in READER.parse(text)
        if token.type == "heading_open" and token.tag == "h2" and token.map
    ]
    ends = [*(line for line, _ in heads[1:]), len(lines)]
    return {head: "\n".join(lines[begin:end]) for (begin, head), end in zip(heads, ends, strict=True)}


@pytest.mark.parametrize(
    ("make", "section", "said"),
    [
        (stopped, "Issue summary", "**Duration**: none for users; the run was stopped after 30 s"),
        (
            stopped,
            "Issue summary",
            "**Impact**: 0 requests; no host was touched *(`run.json` has no event `activate`)*",
        ),
        (stopped, "Issue summary", "**Root cause**: `sites-enabled/shop.conf:2` (from `files/nginx/"),
        (stopped, "Issue summary", "index.phpp;` instead of `fastcgi_param"),
        (stopped, "Timeline (UTC)", f"- 03:04:00 release `{NEW[:12]}` for 3 hosts did not pass the gate smoke"),
        (stopped, "Timeline (UTC)", "**2 January 2026**"),
        (stopped, "Root cause", "this change makes the gate smoke fail, found by 9 trials"),
        (stopped, "Root cause", "+     fastcgi_param SCRIPT_FILENAME $document_root/index.phpp;"),
        (stopped, "Resolution and recovery", "every host serves what it served before"),
        (stopped, "Corrective and preventative measures", "The gate smoke found it in release"),
        (stopped, "Corrective and preventative measures", "`sluice.nginx.gate` *(`docs/ci.md`)*"),
        (in_preflight, "Root cause", "web1, preflight: the live tree was changed (drift) *(`run.json` `.events[0]`)*"),
        (
            rolled_back,
            "Issue summary",
            "**Duration**: 9.0 s, from 03:04:03 UTC, when web1 was the first to be switched",
        ),
        (rolled_back, "Issue summary", "**Noticed**: by Sluice, 7.0 s after the first switch, on web3 (bake)"),
        (rolled_back, "Issue summary", "7 of 747 requests in this time got a 5xx (0.9%)"),
        (rolled_back, "Timeline (UTC)", "- 03:04:04 web1, web2, web3: serves release"),
        (rolled_back, "Timeline (UTC)", "web3: **bake failed**: build 42 was expected, and build 41 is there"),
        (rolled_back, "Root cause", "Primary script unknown"),
        (rolled_back, "Root cause", "passed every gate and changes 1 file"),
        (rolled_back, "Resolution and recovery", "web3 serves what it served before again since 03:04:12 UTC"),
        (rolled_back, "Corrective and preventative measures", "No check asks `GET /cart`, which got 5xx"),
        (lost, "Issue summary", "not over when the run ended at 03:04:30 UTC, for web2; it began at 03:04:04 UTC"),
        (lost, "Issue summary", "7 of 30 requests in this time got a 5xx (23.3%)"),
        (lost, "Issue summary", "Just before it 1 of 300 requests got one"),
        (lost, "Issue summary", "2 lines show no status or no time, and are not counted"),
        (lost, "Issue summary", "> TO ADD: the requests that web2 answered in this time"),
        (lost, "Resolution and recovery", "web1 serves release `aaaaaaaaaaaa` again by reload since 03:04:11 UTC"),
        (lost, "Resolution and recovery", "> TO ADD: how web2 came back, and when"),
    ],
)
def test_what_is_said(make: Callable[[], Record], section: str, said: str) -> None:
    assert said in sections(draft(make()))[section]


@pytest.mark.parametrize("make", [stopped, rolled_back, lost, in_preflight, hostile, SAMPLES["nothing"]])
def test_each_fact_has_a_source_and_each_section_a_place_for_people(make: Callable[[], Record]) -> None:
    text = draft(make())
    found = sections(text)
    assert list(found) == SECTIONS
    for head, part in found.items():
        assert head == "Timeline (UTC)" or "> TO ADD: " in part
    items = [
        line for line in text.splitlines() if line.startswith("- ") and not line.startswith(("- …", "- `run.json`"))
    ]
    fences = [token.content for token in READER.parse(text) if token.type == "fence"]
    own = [line for line in items if not any(line in fence for fence in fences)]
    assert [line for line in own if not line.endswith(")*")] == []


def test_nothing_that_a_log_says_changes_the_form() -> None:
    text = draft(hostile())
    tokens = READER.parse(text)
    inline = [child for token in tokens if token.type == "inline" for child in token.children or []]
    assert [token.type for token in tokens if token.type.startswith("html")] == []
    assert {child.type for child in inline} <= {
        "text",
        "code_inline",
        "em_open",
        "em_close",
        "strong_open",
        "strong_close",
    }
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1"] + ["h2"] * 5
    assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_the_requests_that_failed_become_a_check_to_paste() -> None:
    measures = sections(draft(lost()))["Corrective and preventative measures"]
    blocks = [yaml.safe_load(token.content) for token in READER.parse(measures) if token.type == "fence"]
    check = {"name": "GET /cart", "get": "http://shop.example/cart", "expect": {"status": 200}}
    assert blocks == [{"nginx_checks": [check]}, {"gates_replay_log": "PATH-OF-THE-COPY"}]


def with_coverage(made: Record, file: str) -> Record:
    fix = "a check that does:\n# location /50x.html, sites-enabled/shop.conf:10\n- get: http://shop.example/50x.html\n"
    finding = {"what": "no check reaches location /50x.html", "file": file, "line": 10, "fix": fix, "warning": True}
    coverage = next(each for each in made["releases"][0]["verdicts"] if each["gate"] == "coverage")
    coverage["findings"] = [finding]
    return summed(made)


@pytest.mark.parametrize(
    ("made", "proposed"),
    [
        (with_coverage(lost(), "sites-enabled/shop.conf"), True),
        (with_coverage(lost(), "conf.d/older.conf"), False),
        (with_coverage(stopped(), "sites-enabled/shop.conf"), False),
    ],
)
def test_only_what_changed_and_reached_hosts_is_to_be_covered(made: Record, proposed: bool) -> None:
    assert ("- get: http://shop.example/50x.html" in draft(made)) is proposed


def test_a_difference_that_no_check_noticed_becomes_one() -> None:
    made = stopped()
    verdicts = made["releases"][0]["verdicts"]
    change = {"fails": True, "before": "200", "after": "404", "examples": ["GET http://shop.example/cart?id=1"]}
    for verdict in verdicts:
        if verdict["gate"] in ("smoke", "behaviour"):
            verdict["result"] = "pass" if verdict["gate"] == "smoke" else "fail"
            verdict["evidence"] = {"changes": [change]}
    check = "- name: GET /cart is answered\n  get: http://shop.example/cart?id=1\n  expect:\n    status: 200\n"
    assert check in draft(summed(made))


def test_parts_that_are_culprit_together_are_told_together() -> None:
    made = stopped()
    culprits = made["releases"][0]["culprits"]
    (first,) = culprits["sets"][0]["parts"]
    other = {**first, "line": 9, "old": [], "new": ["return 301 /;"]}
    culprits["sets"][0].update(fails={"smoke": ["x"], "lint": ["y"]}, parts=[first, other], whole=False)
    cause = sections(draft(summed(made)))["Root cause"]
    assert "these 2 changes together make the gates smoke, lint fail" in cause
    assert "the search for a smaller part did not come to its end" in cause
    assert "`sites-enabled/shop.conf:9`" in cause


def test_what_hosts_were_asked_for_later_is_counted() -> None:
    made = lost()
    assert unknown_traffic(made) == {"web2": ("2026-01-02T03:04:08.000Z", "2026-01-02T03:04:30.000Z")}
    counted: Mapping[str, Any] = {
        "start": "2026-01-02T03:04:08Z",
        "step": 1,
        "requests": [5],
        "errors": [5],
        "ms": [None],
    }
    text = draft(made, {"web2": {**counted, "began": "2026-01-02T03:04:08Z", "failing": [], "unread": 0}})
    assert "12 of 35 requests in this time got a 5xx" in text
    assert "| web2 | 5        | 5   | asked after the run" in text


def test_a_large_fleet_stays_readable() -> None:
    made = copy.deepcopy(large())
    for each in made["events"]:
        if each["phase"] == "finalize":
            each["answer"].update(operation="rollback", rolled_back=True)
    text = draft(summed({**made, "result": "rolled back"}))
    assert len(text) < 60_000
    assert "and 92 more" in text


def test_it_is_the_same_each_time() -> None:
    assert draft(rolled_back()) == draft(rolled_back())
