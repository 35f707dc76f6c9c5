"""Where culprit edits are, as a person needs it: file and line, before and after, and what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.change import read_change
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import CulpritPlace, Culprits, CulpritSet
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.positions import Where

LIVE = "server {\n    listen 80;\n    root /srv;\n    index a;\n}\n"
TYPED = "roles/nginx/templates/site.conf.j2"


def places(folder: Path, old: str | None, new: str | None, *edits: int, **described: Any) -> list[CulpritPlace]:
    """The places of edits (all of them where none is named) of a change of one file."""
    for name, text in (("old", old), ("new", new)):
        (folder / name).mkdir()
        if text is not None:
            (folder / name / "a.conf").write_text(text, encoding="utf-8")
    change = read_change(folder / "old", folder / "new")
    rows = {"origins": {"a.conf": described.get("origin", "files/nginx/a.conf")}}
    was = {**rows, "variables": {"a.conf": described.get("was", [])}}
    now = {**rows, "variables": {"a.conf": described.get("now", [])}}
    return Where(change, was, now).places(edits or change.all)


def place(
    line: int, old: str, new: str, variable: str = "nginx_tree", origin: str = "files/nginx/a.conf"
) -> CulpritPlace:
    return CulpritPlace("a.conf", line, tuple(old.splitlines()), tuple(new.splitlines()), origin, variable)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (LIVE, LIVE.replace("80", "81"), [place(2, "    listen 80;", "    listen 81;")]),
        (LIVE, LIVE.replace("    root /srv;\n", ""), [place(3, "    root /srv;", "")]),
        (
            LIVE,
            LIVE.replace("80", "81").replace("/srv", "/www"),
            [place(2, "    listen 80;\n    root /srv;", "    listen 81;\n    root /www;")],
        ),
        (
            LIVE,
            LIVE.replace("80", "81").replace("index a", "index b"),
            [place(2, "    listen 80;", "    listen 81;"), place(4, "    index a;", "    index b;")],
        ),
        (LIVE, LIVE + "\n\ngzip on;\n", [place(8, "", "gzip on;")]),
        (None, "gzip on;\n", [place(1, "", "gzip on;")]),
        ("gzip on;\n", None, [place(1, "gzip on;", "")]),
    ],
)
def test_the_place_of_a_change(tmp_path: Path, old: str | None, new: str | None, expected: list[CulpritPlace]) -> None:
    assert places(tmp_path, old, new) == expected


def test_the_narrowest_lines_tell_the_variable(tmp_path: Path) -> None:
    rows = [[1, 6, "nginx_sites[0]"], [2, 3, "nginx_sites[0].routes[2]"]]
    told = places(tmp_path, LIVE, LIVE.replace("/srv", "/www").replace("x a", "x b"), 0, 1, origin=TYPED, now=rows)
    assert told == [
        place(
            3,
            "    root /srv;\n    index a;",
            "    root /www;\n    index b;",
            "nginx_sites[0].routes[2]",
            TYPED,
        )
    ]


def test_of_what_is_gone_the_variable_is_the_one_that_it_was_made_from(tmp_path: Path) -> None:
    was, now = [[3, 3, "nginx_sites[0].root"]], [[3, 3, "nginx_sites[0].index"]]
    (told,) = places(tmp_path, LIVE, LIVE.replace("    root /srv;\n", ""), origin=TYPED, was=was, now=now)
    assert told.variable == "nginx_sites[0].root"


def test_of_what_is_gone_the_origin_is_the_one_that_it_had(tmp_path: Path) -> None:
    for name, text in (("old", LIVE), ("new", LIVE.replace("    root /srv;\n", "").replace("80", "81"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.conf").write_text(text, encoding="utf-8")
    change = read_change(tmp_path / "old", tmp_path / "new")
    was = {"origins": {"a.conf": TYPED}, "variables": {"a.conf": [[1, 5, "nginx_sites[0]"]]}}
    now = {"origins": {"a.conf": "files/nginx/a.conf"}}
    told = [[(one.origin, one.variable) for one in Where(change, was, now).places([number])] for number in (0, 1)]
    assert told == [[("files/nginx/a.conf", "nginx_tree")], [(TYPED, "nginx_sites[0]")]]


@pytest.mark.parametrize(
    ("origin", "variable"),
    [
        ("files/nginx/a.conf", "nginx_tree"),
        ("nginx_shared_paths[1]", "nginx_shared_paths[1]"),
        ("packaged/nginx.conf", ""),
        (TYPED, ""),
    ],
)
def test_without_lines_the_origin_tells_the_variable(tmp_path: Path, origin: str, variable: str) -> None:
    (told,) = places(tmp_path, LIVE, LIVE.replace("80", "81"), origin=origin)
    assert (told.origin, told.variable) == (origin, variable)


def test_secrets_are_not_told(tmp_path: Path) -> None:
    text = 'proxy_set_header Authorization "Basic c2VjcmV0";\n'
    (told,) = places(tmp_path, "", text)
    assert "c2VjcmV0" not in str(told)
    (tmp_path / "key").mkdir()
    (key,) = places(tmp_path / "key", None, "-----BEGIN PRIVATE KEY-----\nMIIabc\n")
    assert "MIIabc" not in str(key)
    assert key.new == ("(not shown: it is a key, a certificate or a list of passwords)",)


PLACES = (
    CulpritPlace(
        "conf.d/a.conf", 3, ("    root /srv;",), ("    root /www;",), "files/nginx/conf.d/a.conf", "nginx_tree"
    ),
    CulpritPlace("conf.d/b.conf", 9, (), ("    gzip on;",), TYPED, "nginx_sites[0].gzip"),
)


def test_the_record_has_the_parts_and_which_of_them_are_culprit_together() -> None:
    culprit = (
        CulpritSet({"smoke": ["a"]}, PLACES, True, True),
        CulpritSet({"lint": ["x"]}, PLACES[1:], False, True, more=3),
    )
    told = Culprits(culprit, 4, 1.5, 50).to_json()
    assert (told["tried"], told["edits"], told["whole"], told["note"]) == (4, 50, True, "")
    rows = [[part["file"] for part in each["parts"]] for each in told["sets"]]
    assert rows == [["conf.d/a.conf", "conf.d/b.conf"], ["conf.d/b.conf"]]
    assert told["sets"][0]["parts"][0] == {
        "file": "conf.d/a.conf",
        "line": 3,
        "old": ["    root /srv;"],
        "new": ["    root /www;"],
        "origin": "files/nginx/conf.d/a.conf",
        "variable": "nginx_tree",
    }
    assert [{**each, "parts": len(each["parts"])} for each in told["sets"]] == [
        {"fails": {"smoke": ["a"]}, "parts": 2, "more": 0, "fixes": True, "whole": True},
        {"fails": {"lint": ["x"]}, "parts": 1, "more": 3, "fixes": False, "whole": True},
    ]
