"""The README and the argument spec tell the keys that the code reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sluice.nginx.plugins.module_utils.sites import model
from ansible_collections.sluice.nginx.plugins.module_utils.sites.parts import (
    errors,
    limits,
    php,
    proxying,
    redirects,
    routes,
    scope,
    tls,
    upstreams,
)

ROLE = Path(__file__).resolve().parents[3] / "roles/nginx"
README = (ROLE / "README.md").read_text(encoding="utf-8")
SPEC = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"][
    "options"
]
SITE = SPEC["nginx_sites"]["options"]
ROUTE = SITE["routes"]["options"]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (SITE, model.SITE_KEYS),
        (ROUTE, routes.ROUTE_KEYS),
        (SITE["upstreams"]["options"], upstreams.UPSTREAM_KEYS),
        (SITE["redirects"]["options"], redirects.REDIRECT_KEYS),
        (SITE["rewrites"]["options"], redirects.REWRITE_KEYS),
        (ROUTE["rewrites"]["options"], redirects.REWRITE_KEYS),
        (SITE["tls"]["options"], tls.TLS_KEYS),
        (SITE["caches"]["options"], proxying.CACHE_KEYS),
        (SITE["limit_req_zones"]["options"], limits.REQ_ZONE_KEYS),
        (SITE["limit_conn_zones"]["options"], limits.CONN_ZONE_KEYS),
        (SITE["error_pages"]["options"], errors.ERROR_PAGE_KEYS),
        (ROUTE["timeouts"]["options"], proxying.TIMEOUT_KEYS),
        (ROUTE["cache"]["options"], proxying.CACHE_USE_KEYS),
        (ROUTE["limit_req"]["options"], scope.LIMIT_REQ_KEYS),
        (ROUTE["limit_conn"]["options"], scope.LIMIT_CONN_KEYS),
    ],
)
def test_the_argument_spec_has_exactly_the_keys_that_are_read(options: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert sorted(options) == sorted(keys)


def test_the_defaults_are_those_of_the_argument_spec() -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    assert defaults == {name: option["default"] for name, option in SPEC.items()}


@pytest.mark.parametrize(
    "key",
    sorted(
        {
            *model.SITE_KEYS,
            *routes.ROUTE_KEYS,
            *routes.ANSWER_KEYS,
            *upstreams.SERVER_KEYS,
            *php.PHP_KEYS,
            *tls.TLS_KEYS,
            *proxying.RETRY_KEYS,
            *proxying.CACHE_USE_KEYS,
            *errors.MAINTENANCE_KEYS,
            *SPEC,
        }
    ),
)
def test_the_readme_tells_every_key(key: str) -> None:
    assert re.search(rf"(?<![\w-]){key}(?![\w-])", README)


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for match in re.finditer(r"^## (?P<title>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", README, re.S | re.M):
        for block in re.findall(r"```yaml\n(.*?)```", match["text"], re.S):
            for document in yaml.safe_load_all(_once(block)):
                yield match["title"], document


def _once(block: str) -> str:
    """An example may show one key in several ways; the last is taken, as YAML wants a key once."""
    return re.sub(r"^maintenance: true .*\n", "", block, flags=re.M)


@pytest.mark.parametrize(
    ("title", "keys"), list(_examples()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_example_of_the_readme_is_understood(title: str, keys: dict[str, Any]) -> None:
    around: dict[str, Any] = {
        "name": "example",
        "server_names": ["example.org", "www.example.org"],
        "root": "/srv",
        "upstreams": [{"name": "app", "servers": ["app:80"]}],
    }
    site = {**around, **keys}
    (found,) = model.parse_sites([site], title)
    assert found.name == "example"
    assert not ArgumentSpecValidator(SPEC).validate({"nginx_sites": [site]}).error_messages


def test_the_first_example_of_the_readme_is_understood() -> None:
    first = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", README, re.S)[0])
    assert [site.name for site in model.parse_sites(first["nginx_sites"])] == ["cedi-mart", "shwitter"]
    assert not ArgumentSpecValidator(SPEC).validate(first).error_messages
