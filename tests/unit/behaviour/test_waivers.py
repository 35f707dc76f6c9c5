from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.waivers import read_accept
from ansible_collections.sluice.nginx.plugins.module_utils.contract import matching
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

GOOD = {"request": "/old", "what": "location", "reason": "moved"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**GOOD, "wat": 1}, "gates_accept[0]: unknown key 'wat'; did you mean 'what'?"),
        (
            {"what": "body", "reason": "x"},
            "gates_accept[0]: 'request' is missing; write the beginning of a URL or path, or /regex/",
        ),
        ({**GOOD, "what": "colour"}, "'colour' is nothing that changes; use any, status, location, headers"),
        (
            {"request": "/old", "what": "any"},
            "gates_accept[0]: 'reason' is missing; say in a few words why the change is meant",
        ),
        ({**GOOD, "reason": "  "}, "gates_accept[0].reason: the text is blank"),
        ({**GOOD, "request": "/(/"}, "gates_accept[0].request: /(/ is not a regex"),
        ("text", "gates_accept[0]: 'text' is not a mapping"),
    ],
)
def test_a_row_that_means_nothing_is_told(row: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_accept([row])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "what", "changed", "words", "covers"),
    [
        ("/old", "location", "location", ["http://a/old/x", "/old/x"], True),
        ("/old", "any", "body", ["http://a/old", "/old"], True),
        ("/old", "location", "body", ["/old"], False),
        ("/old", "any", "body", ["/new"], False),
        ("http://a/", "any", "body", ["http://a/x", "/x"], True),
        ("/^.old$/", "any", "body", ["/old"], True),
        ("/^.old$/", "any", "body", ["/older"], False),
        ("gzip", "directive", "directive", ["conf.d/a.conf:1 gzip on → off", "gzip"], True),
    ],
)
def test_a_row_covers_what_it_names(request_: str, what: str, changed: str, words: list[str], covers: bool) -> None:
    (row,) = read_accept([{"request": request_, "what": what, "reason": "meant"}])
    assert row.covers(changed, words) == covers


def test_a_pattern_that_takes_years_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching.search, "__defaults__", (0.2,))
    (row,) = read_accept([{"request": "/(a+)+$/", "what": "any", "reason": "meant"}])
    with pytest.raises(matching.GaveUp, match=r"the pattern /\(a\+\)\+\$/ took longer than 0\.2 s"):
        row.covers("body", ["/" + "a" * 40 + "b"])
