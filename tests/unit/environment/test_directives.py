"""Directives that a platform's nginx does not know although they are no misspelling."""

from __future__ import annotations

import crossplane.analyzer
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.directives import (
    known_elsewhere,
    platforms_between,
)
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import versions

NOWHERE = "no distribution that never changes its nginx has that version; staging_nginx and staging_nginx_version do"


@pytest.mark.parametrize(
    ("directive", "who", "fix"),
    [
        ("zone_sync", "only NGINX Plus knows it", ""),
        ("status_zone", "only NGINX Plus knows it", ""),
        ("http2", "nginx knows it since 1.25.1", "set staging_platform to what production has: debian-13"),
        (
            "ssl_key_log",
            "nginx knows it since 1.27.2",
            NOWHERE,
        ),
        (
            "http2_push",
            "nginx knows it no more since 1.25.1",
            "set staging_platform to what production has: debian-11 or ubuntu-22.04 or debian-12 or ubuntu-24.04",
        ),
        (
            "vhost_traffic_status_zone",
            "it is of nginx-module-vts, which no package of this platform brings",
            "",
        ),
        ("google", "it is of ngx_http_google_filter_module, which no package of this platform brings", ""),
        ("lisen", "", ""),
        ("proxy_passs", "", ""),
        ("server_nam", "", ""),
    ],
)
def test_who_knows_a_directive(directive: str, who: str, fix: str) -> None:
    assert known_elsewhere(directive) == (who, fix)


def test_every_platform_whose_nginx_never_changes_has_its_version() -> None:
    assert platforms_between() == list(versions())
    assert platforms_between((1, 22), (1, 25)) == ["debian-12", "ubuntu-24.04"]


@pytest.mark.parametrize("directive", ["listen", "server", "location", "root", "proxy_pass", "return", "rewrite"])
def test_what_every_nginx_knows_is_in_no_table(directive: str) -> None:
    assert directive in crossplane.analyzer.DIRECTIVES
    assert known_elsewhere(directive) == ("", "")
