from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import TAG, TRACE, Block, Copy
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.measure import (
    Answered,
    Coverage,
    MeasuredCopy,
)

Made = Callable[..., Copy]

SITE = """
server {
    listen 80;
    location / { limit_except GET POST { deny all; } }
    location /api/ { }
    location /up { client_max_body_size 1; }
    location @named { }
    if ($a) { }
}
server { listen 81; return 204; }
"""
NAMES = ["the front page", "a change", "the list"]


def _answered(check: int, *way: int, method: str = "GET", path: str = "/", status: str = "200") -> Answered:
    return Answered(check, method, path, status, "", way)


def _block(covered: Coverage, words: str) -> Block:
    return next(block for block in covered.blocks if block.words.startswith(words))


def _covered(made: Made, *answered: Answered) -> Coverage:
    return Coverage(made(SITE).blocks, answered, NAMES)


def test_a_block_knows_the_checks_that_went_through_it(made: Made) -> None:
    covered = _covered(made, _answered(2, 1, 2), _answered(0, 1, 2), _answered(0, 1, 2))
    assert (covered.hits(_block(covered, "server")), covered.hits(_block(covered, "location /"))) == (3, 3)
    assert covered.checks(_block(covered, "location /")) == ["the front page", "the list"]
    assert [block.words for block in covered.missed("server", "location")] == [
        "location /api/",
        "location /up",
        "server",
    ]


@pytest.mark.parametrize(
    ("way", "share"),
    [((1,), 0), ((1, 2), 100 / 3), ((1, 2, 4, 5), 100), ((1, 2, 6), 50), ((1, 2, 4, 5, 6), 100)],
    ids=["none", "one of three", "all", "a named one counts when it is reached", "all and the named one"],
)
def test_the_share_is_of_the_locations_that_can_be_asked_for(made: Made, way: tuple[int, ...], share: float) -> None:
    assert _covered(made, _answered(0, *way)).share == pytest.approx(share)


def test_the_share_without_any_location_is_all(made: Made) -> None:
    assert Coverage(made("server { return 204; }").blocks, [], []).share == 100


@pytest.mark.parametrize(
    ("method", "hits"), [("GET", 0), ("HEAD", 0), ("POST", 0), ("DELETE", 1), ("OPTIONS", 1)], ids=str
)
def test_the_method_decides_whether_limit_except_was_reached(made: Made, method: str, hits: int) -> None:
    covered = _covered(made, _answered(1, 1, 2, method=method))
    assert covered.hits(_block(covered, "limit_except")) == hits


@pytest.mark.parametrize(
    ("path", "status", "way", "words", "beside"),
    [
        ("/api", "301", (1,), "location /api/", ["its redirect to the slash"]),
        ("/api?x=1", "301", (1,), "location /api/", ["its redirect to the slash"]),
        ("/apis", "301", (1,), "location /api/", []),
        ("/api", "302", (1,), "location /api/", []),
        ("/up", "413", (1,), "location /up", ["its refusal of a large body"]),
        ("/up", "413", (1, 2), "location /up", []),
        ("/up", "413", (), "location /up", []),
    ],
)
def test_what_is_answered_before_a_location_is_entered_is_told_and_is_no_hit(
    made: Made, path: str, status: str, way: tuple[int, ...], words: str, beside: list[str]
) -> None:
    covered = _covered(made, _answered(0, *way, path=path, status=status))
    found = _block(covered, words)
    assert (covered.beside(found), covered.hits(found)) == (beside, 0)


def test_the_evidence_is_a_report_by_file_and_line(made: Made) -> None:
    covered = _covered(made, _answered(0, 1, 2), _answered(1, 1, path="/api", status="301"))
    (file, rows), *others = covered.to_json().items()
    assert (file, others) == ("nginx.conf", [])
    first = {"kind": "location", "words": "location /", "line": 4, "end_line": 4, "hits": 1}
    assert rows[1] == {**first, "checks": ["the front page"]}
    assert rows[3]["beside"] == ["its redirect to the slash"]
    assert next(row for row in rows if row["words"] == "location @named")["locked"]


class _Stage:
    """Notes requests only from the given start of nginx on."""

    def __init__(self, notes_from: int) -> None:
        self.starts, self.trace, self._notes_from = 0, "", notes_from

    def ask(self, what: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        if what == "serve":
            self.starts += 1
            return {}
        for row in rows if self.starts >= self._notes_from else ():
            tag = row["request"]["headers"][TAG]
            noted = {"tag": tag, "method": "GET", "path": "/", "status": "200", "location": "", "way": ",1"}
            self.trace += f"{json.dumps(noted)}\n"
        return {"outcomes": [{"status": 200, "problems": []} for _ in rows]}

    def read(self, path: str) -> str:
        assert path == TRACE
        return self.trace


@pytest.mark.parametrize(("notes_from", "starts", "noted"), [(1, 1, 2), (2, 2, 2), (3, 2, 0)])
def test_checks_of_which_nginx_noted_none_are_asked_once_more(notes_from: int, starts: int, noted: int) -> None:
    stage = _Stage(notes_from)
    served = MeasuredCopy(cast(Any, stage), "/sluice/copy", [])
    served.serve()
    checks = parse_contract([{"get": "http://shop.example/"}, {"get": "http://shop.example/a"}], "nginx_checks")
    outcomes, answered = served.ask(checks)
    assert (stage.starts, len(outcomes), [each.check for each in answered]) == (starts, 2, list(range(noted)))
