"""Where the paths of needs lead to by links of the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Need
from ansible_collections.sluice.nginx.plugins.module_utils.needs.requests import questions


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/shop.pem").symlink_to("/etc/letsencrypt/live/shop/fullchain.pem")
    (tmp_path / "tls/shop.key").symlink_to("/var/lib/sluice/shared/tls/shop.key")
    (tmp_path / "certs").symlink_to("tls")
    (tmp_path / "shared").symlink_to("/srv/shared/nginx")
    (tmp_path / "parent").symlink_to("../ssl")
    (tmp_path / "html").mkdir()
    (tmp_path / "round").symlink_to("round")
    return tmp_path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/etc/ssl/shop.pem", "/etc/ssl/shop.pem"),
        ("/etc/nginx/tls/shop.pem", "/etc/letsencrypt/live/shop/fullchain.pem"),
        ("/etc/nginx/certs/shop.key", "/var/lib/sluice/shared/tls/shop.key"),
        ("/etc/nginx/shared/users", "/srv/shared/nginx/users"),
        ("/etc/nginx/parent/shop.pem", "/etc/ssl/shop.pem"),
        ("/etc/nginx/gone", "/etc/nginx/gone"),
        ("/etc/nginx/round", "/etc/nginx/round"),
    ],
)
def test_links_of_the_release_are_followed(tree: Path, value: str, path: str) -> None:
    (row,) = questions([Need("file", value, "certificate", beside=value).to_json()], tree)
    assert (row["value"], row["path"], row["beside"]) == (value, path, path)


def test_what_is_no_path_stays_as_it_is_and_what_the_tree_brings_is_not_asked_for(tree: Path) -> None:
    name = Need("name", "app").to_json()
    assert questions([name, Need("directory", "/etc/nginx/html", "root").to_json()], tree) == [name]


@pytest.mark.parametrize("endpoints", [True, False])
def test_hosts_connect_to_other_machines_where_that_is_wanted(tree: Path, endpoints: bool) -> None:
    needs = [Need("endpoint", "app:8001", "http").to_json(), Need("name", "app", "http").to_json()]
    rows = questions(needs, tree, endpoints=endpoints)
    assert [row.get("connect", True) for row in rows] == [endpoints, True]
