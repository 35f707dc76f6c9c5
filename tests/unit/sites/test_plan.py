"""Which files come of the role's variables."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import platform_named
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan

SITE = {"name": "shop", "server_names": ["shop.example"]}


def test_without_sites_the_packaged_configuration_stays() -> None:
    assert plan({"nginx_sites": []}) == []
    assert plan({}) == []


def test_one_file_for_each_site_and_one_around_them() -> None:
    other = {"name": "blog", "server_names": ["blog.example"]}
    files = plan({"nginx_sites": [SITE, other], "nginx_version": "1.22.1"})
    assert [(file.path, file.template) for file in files] == [
        ("nginx.conf", "nginx.conf.j2"),
        ("sites-enabled/shop.conf", "site.conf.j2"),
        ("sites-enabled/blog.conf", "site.conf.j2"),
    ]


@pytest.mark.parametrize(
    ("platform", "source", "user", "group"),
    [
        ("debian-12", "distribution", "www-data", ""),
        ("debian-12", "openresty", "nobody", "nogroup"),
        ("rocky-9", "openresty", "nobody", ""),
    ],
)
def test_the_workers_group_is_named_where_it_has_another_name(
    platform: str, source: str, user: str, group: str
) -> None:
    layout = dataclasses.asdict(platform_named(platform, source).nginx)
    settings = {"nginx_sites": [SITE], "nginx_version": "1.22.1.1", "nginx_layout": layout}
    main = plan(settings)[0].variables["nginx"]
    assert isinstance(main, dict)
    assert (main["user"], main["group"]) == (user, group)
    own = plan({**settings, "nginx_user": "ada"})[0].variables["nginx"]
    assert isinstance(own, dict)
    assert (own["user"], own["group"]) == ("ada", "")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"nginx_version": "new"}, "nginx_version: 'new' is not a version of nginx"),
        ({"nginx_worker_processes": "many"}, "nginx_worker_processes: 'many' is not a whole number from 1 to 10000"),
        ({"nginx_worker_connections": 0}, "nginx_worker_connections: 0 is not a whole number"),
        ({"nginx_gzip": "on"}, "nginx_gzip: 'on' is neither true nor false"),
        ({"nginx_user": "www data"}, "nginx_user: 'www data' is not a user"),
        ({"nginx_http_lines": ["keepalive_timeout 5"]}, "nginx_http_lines[0]: 'keepalive_timeout 5' ends with neither"),
    ],
)
def test_a_fault_of_a_variable_is_said(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        plan({"nginx_sites": [SITE], "nginx_version": "1.22.1", **settings})
    assert expected in str(caught.value)


def test_variables_are_faulty_without_sites_too() -> None:
    with pytest.raises(InputError, match="nginx_gzip"):
        plan({"nginx_gzip": "on"})
