from __future__ import annotations

import re

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Directive
from ansible_collections.sluice.nginx.plugins.module_utils.config.samples import matching, near_misses, samples


def _location(*args: str) -> Directive:
    return Directive("location", list(args), "nginx.conf", 1, [])


@pytest.mark.parametrize(
    ("args", "paths"),
    [
        (["/shop/"], ["/shop/"]),
        (["=", "/exact"], ["/exact"]),
        (["^~", "/held/"], ["/held/"]),
        (["@named"], []),
        (["~", r"\.php$"], ["/x.php"]),
        (["~*", r"\.(css|js|png|jpe?g|gif)$"], ["/x.css", "/x.js", "/x.png", "/x.jpg"]),
        (["~", r"^/api/v(\d+)/(.*)$"], ["/api/v1/", "/api/v1/x"]),
        (["~", r"^/(?<lang>en|de)/"], ["/en/", "/de/"]),
        (["~", r"/\."], ["/.x"]),
        (["~", r"^/users/[0-9]{2}/[^/]+\.html$"], ["/users/11/x.html"]),
        (["~", r"^/[^\d]{3}$"], ["/xxx"]),
        (["~", r"^/a++b\W$"], ["/ab-"]),
        (["~", r"^(?!/admin)/x"], ["/x"]),
        (["~", r"^\/(?:old|older)\.html$"], ["/old.html", "/older.html"]),
    ],
)
def test_a_location_is_asked_by_the_plainest_paths_that_it_is_for(args: list[str], paths: list[str]) -> None:
    assert samples(_location(*args)) == paths


@pytest.mark.parametrize("pattern", ["(", r"^~/x", r"(?<=a)b(?R)", "[z-a]", r"\p{L}"])
def test_a_regex_that_cannot_be_read_has_no_sample(pattern: str) -> None:
    assert samples(_location("~", pattern)) == []


@pytest.mark.parametrize(
    "pattern", [r"^(www\.)?shop\.(example|test)$", r"bot|crawl(er)?", r"^[A-Z][a-z]+\d?$", r"^.{3,}$", r"^$", r"a.c"]
)
def test_every_sample_of_a_regex_matches_it(pattern: str) -> None:
    found = matching(pattern)
    assert found
    assert all(re.search(pattern, text) for text in found)


@pytest.mark.parametrize(
    ("args", "path", "misses"),
    [
        (["~", r"\.php$"], "/x.php", ["/x.phpx", "/x.phpp", "/X.PHP"]),
        (["/api/"], "/api/", ["/apix", "/api/x", "/API/"]),
        (["/api"], "/api", ["/apix", "/api/x", "/API"]),
        (["=", "/"], "/", ["/x"]),
    ],
)
def test_near_misses_are_close_and_no_samples(args: list[str], path: str, misses: list[str]) -> None:
    found = near_misses(_location(*args), path)
    assert set(misses) <= set(found)
    assert path not in found
