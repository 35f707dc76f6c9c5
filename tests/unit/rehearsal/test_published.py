"""A rehearsal names what is published of the hosts' nginx, and leaves a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.advisories.matching import Installed
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.published import published
from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.record import record_of, write_record

STAGED = Installed("1.22.1", platform="debian-12")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A tree with a map."""
    (tmp_path / "nginx.conf").write_text("events {}\nhttp {\nmap $uri $a { ~^/(.) $1; }\nserver { listen 80; }\n}\n")
    return parse_tree(tmp_path)


def _answer(version: str, package: str = "", flavour: str = "nginx") -> dict[str, Any]:
    told = {"name": "nginx", "version": package, "flavour": flavour, "core": version, "fixed": []}
    return {"facts": {"nginx_version": version, "os": "debian 13", "modules": []}, "package": told}


def test_hosts_with_the_same_nginx_are_told_once_and_what_packages_fixed_is_counted(config: Config) -> None:
    said = {"web1": _answer("1.26.3", "1.26.3-3+deb13u7"), "web2": _answer("1.26.3", "1.26.3-3+deb13u7")}
    said["web3"] = _answer("1.26.3", "1.26.3-3+deb13u11")
    old, new = published(config, ["web1", "web2", "web3"], said, STAGED, "1.30.4")
    assert old.hosts == ("web1", "web2")
    text = "\n".join(old.lines)
    assert "web1, web2: nginx 1.26.3, package 1.26.3-3+deb13u7: " in text
    assert "CVE-2026-42533 (major): a map with regular expressions overflows a buffer" in text
    assert "by `map $uri $a` in nginx.conf:3; fixed in 1.30.4 and 1.31.3" in text
    assert "CVE-2026-42533" not in old.left
    assert "CVE-2026-93479" in old.left
    assert f"by its number nginx 1.30.4 has {len(old.left)} of these" in text
    assert (new.hosts, new.concerns) == (("web3",), ())
    assert new.lines == [f"web3: nginx 1.26.3, package 1.26.3-3+deb13u11: no published vulnerabilities concern this "
                         f"tree; the package has fixed {new.fixed} more"]  # fmt: skip
    assert new.fixed == len(old.concerns) + old.fixed


def test_where_the_number_alone_is_known_that_is_said(config: Config) -> None:
    (row,) = published(config, ["web1"], {}, STAGED, "1.26.3")
    assert "of these hosts nginx's number alone is known; a distribution may have fixed some of it" in row.lines[-2]


def test_descendants_of_nginx_are_told_apart(config: Config) -> None:
    said = {"web1": _answer("1.27.4", "1.9.1-1", "Angie"), "web2": _answer("1.29.0", "", "freenginx")}
    angie, freenginx = published(config, ["web1", "web2"], said, STAGED, "1.30.4")
    assert angie.lines[0].startswith("web1: Angie on nginx 1.27.4, package 1.9.1-1: ")
    assert freenginx.lines == [
        "web2: freenginx on nginx 1.29.0: freenginx has versions and a list of its own; nothing was compared"
    ]


def test_a_rehearsal_leaves_a_record_and_a_page(config: Config, tmp_path: Path) -> None:
    rows = [{"release": "a" * 64, "hosts": ["web1", "we|b2"], "result": "pass", "differences": []}]
    who = {"who": "ann", "host": "desk"}
    made = record_of("2026-11-29T22:00:00.000Z", who, "nginx 1.22.1 of debian 12", "nginx 1.26.3 of debian 13", rows)
    page = write_record(tmp_path / "rehearsals", made, "tree aaaa\n  <b>odd</b>")
    again = write_record(tmp_path / "rehearsals", made, "")
    assert [page.parent.name, again.parent.name] == ["20261129T220000", "20261129T220000-2"]
    assert json.loads((page.parent / "rehearsal.json").read_text()) == made
    assert page.stat().st_mode & 0o777 == 0o600
    text = page.read_text()
    assert "# nginx 1.22.1 of debian 12 → nginx 1.26.3 of debian 13" in text
    assert "| aaaaaaaaaaaa | pass | web1, we\\|b2 |" in text
    assert "\n      <b>odd</b>\n" in text
    assert "nginx's list of security advisories, as of 2026-07-22" in text
