"""What a change does is shown by edit, and odd records end in no crash."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.reports.effects_summary import doing, doing_text


def effect(**other: Any) -> dict[str, Any]:
    return {
        "edits": ["a.conf:3 location /a added"],
        "where": "a.example, port 80",
        "paths": "/a",
        "before": "status 404",
        "after": "301 to /b",
        "when": "",
        "cases": [],
        "because": "",
        **other,
    }


def verdicts(*rows: object, **other: Any) -> list[dict[str, Any]]:
    return [{"gate": "behaviour", "evidence": {"effects": {"rows": list(rows), "more": 0, "unread": [], **other}}}]


def test_effects_stand_below_their_edit() -> None:
    rows = [
        effect(requests=3, asked=500),
        effect(edits=[], because="an expression has a back-reference", when="not -f /srv/down"),
        effect(paths="/c", cases=["-f /srv/down: status 503 → status 404"]),
    ]
    assert doing_text(verdicts(*rows, more=2, unread=["b.example, port 80: it takes too long"])).splitlines() == [
        "what this change does",
        "  a.conf:3 location /a added",
        "    a.example, port 80: /a",
        "      before  status 404",
        "      after   301 to /b",
        "      exact, 3 of 500 requests of the log",
        "    a.example, port 80: /c",
        "      before  status 404",
        "      after   301 to /b",
        "      when    -f /srv/down: status 503 → status 404",
        "      exact",
        "  no edit is known that explains it",
        "    a.example, port 80: /a (when not -f /srv/down)",
        "      before  status 404",
        "      after   301 to /b",
        "      sampled: an expression has a back-reference",
        "  not worked out: b.example, port 80: it takes too long",
        "  2 more effects in run.json",
    ]


def test_much_is_cut() -> None:
    found = doing(verdicts(*(effect(edits=[f"edit {number}"]) for number in range(25)), *([effect()] * 9)))
    assert len(found.edits) == 20
    assert found.notes == ["14 more effects in run.json"]


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"effects": None},
        {"effects": []},
        {"effects": {"rows": 7, "more": "x", "unread": 3}},
        {"effects": {"rows": [1, None, {"edits": 3, "cases": "x", "requests": [], "asked": "y"}]}},
    ],
)
def test_an_odd_record_is_shown_as_far_as_it_goes(evidence: dict[str, Any]) -> None:
    doing_text([{"gate": "behaviour", "evidence": evidence}])
    assert doing_text([{"gate": "smoke", "evidence": evidence}]) == ""
