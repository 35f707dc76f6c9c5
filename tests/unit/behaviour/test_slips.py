"""What an edited line looks like: an address with a digit lost, doubled or swapped is a slip, another one is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comments import Comments
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.slips import Slips
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree

LINE = "http {{ server {{ listen 80; allow {0}; deny all; }} }}\nevents {{ }}\n"


def config(folder: Path, address: str) -> Config:
    folder.mkdir()
    (folder / "nginx.conf").write_text(LINE.format(address))
    return parse_tree(folder)


@pytest.mark.parametrize(
    ("old", "new", "slip"),
    [
        ("203.0.113.0/24", "203.0.13.0/24", "203.0.13.0 is 203.0.113.0 with a digit lost, doubled or swapped"),
        ("10.12.0.0/16", "10.21.0.0/16", "10.21.0.0 is 10.12.0.0 with a digit lost, doubled or swapped"),
        ("10.0.0.1", "10.0.0.2", ""),
        ("10.0.0.1", "192.168.7.4", ""),
        ("10.0.13.0/24", "10.0.113.1/24", ""),
    ],
)
def test_an_address_that_lost_a_digit_is_a_slip(tmp_path: Path, old: str, new: str, slip: str) -> None:
    live, candidate = config(tmp_path / "live", old), config(tmp_path / "candidate", new)
    (change,) = edits = list(changes(live, candidate))
    assert Slips(live, candidate, edits).slip(change) == slip


@pytest.mark.parametrize(
    "inside", ["upstream u {{ server {0}; server {1}; }}", "server {{ listen 80; allow {0}; allow {1}; deny all; }}"]
)
def test_members_of_a_list_may_change_places(tmp_path: Path, inside: str) -> None:
    first, second = (
        "127.0.0.1:80" if "upstream" in inside else "127.0.0.1",
        "[::1]:80" if "upstream" in inside else "::1",
    )
    texts = [f"events {{}} http {{ {inside.format(*pair)} }}" for pair in ((first, second), (second, first))]
    assert not any(_slips(tmp_path, *texts))


TEST_SITE = (
    "events {{ }}\nhttp {{ server {{ listen 80; server_name {0}; location / {{ proxy_pass http://{1}; }} }} }}\n"
)


def _slips(folder: Path, live: str, candidate: str, *, comments: bool = False) -> list[str]:
    trees = []
    for name, text in (("live", live), ("candidate", candidate)):
        (folder / name).mkdir()
        (folder / name / "nginx.conf").write_text(text)
        trees.append(folder / name)
    before, after = map(parse_tree, trees)
    edits = list(changes(before, after))
    slips = Slips(before, after, edits, Comments(*trees) if comments else None)
    return [slips.slip(each) for each in edits]


def test_a_server_may_be_called_after_a_test_environment_but_leads_to_none(tmp_path: Path) -> None:
    names = "shop.example", "dev.shop.example"
    renamed = [TEST_SITE.format(name, "10.0.0.1") for name in names]
    (tmp_path / "renamed").mkdir()
    assert _slips(tmp_path / "renamed", *renamed) == [""]
    (found,) = _slips(tmp_path, *(TEST_SITE.format("shop.example", name) for name in names))
    assert found == "dev.shop.example is the name of a test environment, and shop.example was none"


@pytest.mark.parametrize(
    ("before", "after", "slip"),
    [
        ("", "", "a slash after the upstream cuts the location off the path"),
        ("# the same\n", "# the same\n", "a slash after the upstream cuts the location off the path"),
        ("# without its prefix\n", "", ""),
        ("", "# the service knows its prefix now\n", ""),
    ],
)
def test_a_slash_is_meant_where_a_comment_beside_it_is_another(
    tmp_path: Path, before: str, after: str, slip: str
) -> None:
    text = "events {{ }}\nhttp {{ server {{ location /api/ {{\n{0}proxy_pass http://10.0.0.1{1};\n}} }} }}\n"
    assert _slips(tmp_path, text.format(before, "/"), text.format(after, ""), comments=True) == [slip]


@pytest.mark.parametrize(
    ("before", "after", "slip"),
    [
        ("/srv/$1/$2", "/srv/$1", "$2 was lost, and the pattern still catches it"),
        ("/srv/$1$2$3", "/srv/$1$2", ""),
        ("/srv/$1$2", "/var/www/$1", ""),
    ],
)
def test_a_folder_that_lost_a_group_is_a_slip(tmp_path: Path, before: str, after: str, slip: str) -> None:
    text = "events {{ }}\nhttp {{ server {{ location ~ ^/(apps|sdk)(/.*)$ {{ alias {0}; }} }} }}\n"
    assert _slips(tmp_path, text.format(before), text.format(after)) == [slip]
