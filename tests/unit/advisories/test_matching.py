"""Published vulnerabilities: which versions have them, which trees they concern, what packages have fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.advisories.catalog import Advisory, catalog
from ansible_collections.sluice.nginx.plugins.module_utils.advisories.matching import (
    Installed,
    concerned,
    is_newer,
    is_vulnerable,
    read_installed,
)
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree

KNOWN = {each.cve: each for each in catalog().advisories}


@pytest.mark.parametrize(
    ("cve", "version", "expected"),
    [
        # Both ends of a range, and outside of it.
        ("CVE-2021-23017", "0.6.17", False),
        ("CVE-2021-23017", "0.6.18", True),
        ("CVE-2021-23017", "1.20.0", True),
        ("CVE-2021-23017", "1.20.1", False),
        ("CVE-2021-23017", "1.21.0", False),
        # A branch that was fixed within the range of the others.
        ("CVE-2019-9511", "1.16.0", True),
        ("CVE-2019-9511", "1.16.1", False),
        ("CVE-2019-9511", "1.17.2", True),
        ("CVE-2019-9511", "1.14.9", True),
        # Several ranges, and one of a single version.
        ("CVE-2024-32760", "1.25.5", True),
        ("CVE-2024-32760", "1.26.0", True),
        ("CVE-2024-32760", "1.26.1", False),
        ("CVE-2024-24989", "1.25.2", False),
        ("CVE-2024-24989", "1.25.3", True),
        # Numbers are no texts.
        ("CVE-2026-42533", "1.9.15", True),
        ("CVE-2026-42533", "1.30.4", False),
        ("CVE-2026-42533", "1.30.10", False),
        ("CVE-2026-42533", "1.31.2", True),
        ("CVE-2026-42533", "1.33.0", False),
        ("CVE-2026-42533", "unknown", False),
        ("CVE-2026-42533", "", False),
    ],
)
def test_a_version_has_a_vulnerability_by_its_number(cve: str, version: str, expected: bool) -> None:
    assert is_vulnerable(KNOWN[cve], version) is expected


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.22.1-9", "1.22.1-9+deb12u1"),
        ("1.22.1-9+deb12u4", "1.22.1-9+deb12u10"),
        ("1.22.1-9+deb12u9", "1.26.3-3"),
        ("1.22.1-9", "1.22.1-10"),
        ("1.30.0~rc1-1", "1.30.0-1"),
        ("1.30.0-1~bpo12+1", "1.30.0-1"),
    ],
)
def test_versions_of_packages_are_ordered_as_dpkg_has_them(older: str, newer: str) -> None:
    assert is_newer(newer, older)
    assert not is_newer(older, newer)
    assert not is_newer(older, older)


@pytest.fixture
def config(tmp_path: Path) -> Any:
    """Make the configuration of lines in a server."""

    def made(lines: str = "", main: str = "") -> Config:
        text = f"events {{}}\n{main}\nhttp {{\nserver {{ listen 80;\n{lines}\n}}\n}}\n"
        (tmp_path / "nginx.conf").write_text(text)
        return parse_tree(tmp_path)

    return made


@pytest.mark.parametrize(
    ("cve", "version", "lines", "line"),
    [
        ("CVE-2022-41741", "1.22.0", "location / { mp4; }", 5),
        ("CVE-2022-41741", "1.22.0", "location /mp4 { return 204; }", 0),
        ("CVE-2024-32760", "1.26.0", "listen 443 quic reuseport;", 5),
        ("CVE-2024-32760", "1.26.0", "listen 443 ssl;", 0),
        ("CVE-2026-1642", "1.26.3", "location / { proxy_pass https://app; }", 5),
        ("CVE-2026-1642", "1.26.3", "location / { proxy_pass http://app; }", 0),
        ("CVE-2026-42945", "1.26.3", "rewrite ^/a/(.*)$ /b?c=$1;", 5),
        ("CVE-2026-42945", "1.26.3", "rewrite ^/a$ /b;", 0),
        ("CVE-2026-60005", "1.26.3", "location / { proxy_cache_background_update on; }", 5),
        # One directive of each kind.
        ("CVE-2026-27654", "1.26.3", "location / { dav_methods COPY; alias /srv/; }", 5),
        ("CVE-2026-27654", "1.26.3", "location / { dav_methods COPY; root /srv/; }", 0),
        # It concerns every tree.
        ("CVE-2016-4450", "1.10.0", "", None),
    ],
)
def test_a_tree_is_concerned_by_its_directives(
    config: Any, cve: str, version: str, lines: str, line: int | None
) -> None:
    found, fixed = concerned(config(lines), Installed(version), [KNOWN[cve]])
    assert fixed == 0
    assert [each.directive.line if each.directive else None for each in found] == ([] if line == 0 else [line])


RESOLVER = "resolver 10.0.0.2;"
OLD = KNOWN["CVE-2021-23017"]
BACKPORTED = Advisory.read(
    {
        "cve": "CVE-2021-23017",
        "severity": "low",
        "what": "x",
        "vulnerable": ["0.6.18-1.20.0"],
        "fixed": ["1.20.1"],
        "concerns": [["resolver"]],
        "debian": {"debian-12": "1.20.0-1+deb12u2"},
    },
    "x",
)


@pytest.mark.parametrize(
    ("installed", "is_named"),
    [
        (Installed("1.20.0"), True),
        (Installed("1.20.0", package="1.20.0-1+deb12u1", platform="debian-12"), True),
        (Installed("1.20.0", package="1.20.0-1+deb12u2", platform="debian-12"), False),
        (Installed("1.20.0", package="1.20.0-1+deb12u9", platform="debian-12"), False),
        # Of another release, or by somebody else, that number says nothing.
        (Installed("1.20.0", package="1.20.0-1+deb12u9", platform="debian-11"), True),
        (Installed("1.20.0", package="1.20.0-1~bookworm", platform="debian-12"), True),
        # The changelog of the package names it.
        (Installed("1.20.0", package="1.20.0-1ubuntu3", fixed=frozenset({"CVE-2021-23017"})), False),
        (Installed("1.20.0", package="1.20.0-1ubuntu3", fixed=frozenset({"CVE-2021-23018"})), True),
        # It does since the first half of the fix.
        (
            Installed("1.20.0", package="1.20.0-1+deb12u1", fixed=frozenset({"CVE-2021-23017"}), platform="debian-12"),
            True,
        ),
    ],
)
def test_what_a_package_has_fixed_without_another_number_is_counted_alone(
    config: Any, installed: Installed, is_named: bool
) -> None:
    found, fixed = concerned(config(RESOLVER), installed, [BACKPORTED])
    assert (len(found), fixed) == ((1, 0) if is_named else (0, 1))


def test_words_name_the_line_and_the_fix(config: Any) -> None:
    ((concern,), _) = concerned(config(RESOLVER), Installed("1.20.0"), [OLD])
    assert concern.words == (
        "CVE-2021-23017 (medium): an answer of DNS overwrites a byte of memory, "
        "by `resolver 10.0.0.2` in nginx.conf:5; fixed in 1.20.1 and 1.21.0"
    )
    assert concern.to_json()["line"] == 5


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, None),
        ({"facts": {"nginx_version": None}}, None),
        ({"facts": {"nginx_version": "1.22.1"}}, Installed("1.22.1", platform="debian-12")),
        (
            {
                "facts": {"nginx_version": "1.9.1"},
                "package": {
                    "name": "angie",
                    "version": "1.9.1-1",
                    "flavour": "Angie",
                    "core": "1.27.4",
                    "fixed": ["x"],
                },
            },
            Installed("1.27.4", "Angie", "1.9.1-1", frozenset(), "debian-12"),
        ),
    ],
)
def test_what_a_host_tells_of_its_nginx(answer: dict[str, Any], expected: Installed | None) -> None:
    assert read_installed(answer, "debian-12") == expected


def test_each_entry_can_be_understood() -> None:
    known = catalog()
    assert len(KNOWN) == len(known.advisories) > 60
    assert known.as_of >= "2026-07-22"
    for each in known.advisories:
        assert each.link or each.known_by or each.cve < "CVE-2012", each.cve
        for pair in each.vulnerable:
            assert all(is_vulnerable(each, end) for end in pair.split("-")), (each.cve, pair)
        for version in each.fixed:
            assert not is_vulnerable(each, version), each.cve
