"""Hosts of one fleet that have several platforms: the release of each is staged on its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

CONF = """user www-data;
pid /run/nginx.pid;
events {}
http {
    include /etc/nginx/mime.types;
    server {
        listen 80;MORE
        location / { return 200 ok; }
    }
}
"""


@pytest.fixture
def gate(play: Callable[..., Any], tmp_path: Path, packages: list[str]) -> Callable[..., Any]:
    """Run the gates for two groups of hosts that nobody can reach, old on Debian 12 and new on Debian 13."""
    groups = {
        name: {"hosts": {f"{name}1": {}}, "vars": {"staging_platform": platform}}
        for name, platform in {"old": "debian-12", "new": "debian-13"}.items()
    }
    tree = f"{tmp_path}/tree"
    common = {"nginx_tree": tree, "gates_probe": False, "staging_ahead": 0, "staging_packages": packages}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"web": {"children": groups, "vars": common}}), encoding="utf-8")

    def run(files: dict[str, str]) -> Any:
        for name, text in files.items():
            (tmp_path / "tree").mkdir(exist_ok=True)
            (tmp_path / "tree" / name).write_text(text, encoding="utf-8")
        return play("playbooks/gate.yml", "-i", str(inventory))

    return run


def test_each_release_is_staged_on_the_platform_of_its_hosts(gate: Callable[..., Any]) -> None:
    template = CONF.replace("MORE", ' {{ "http2 on;" if staging_platform == "debian-13" else "" }}')
    done = gate({"nginx.conf.j2": template})
    # nginx 1.22 does not know the directive.
    assert done.code == 0, done.output
    assert "for old1, on debian 12 with nginx 1.22.1" in done.output
    assert "for new1, on debian 13 with nginx 1.26.3" in done.output


def test_a_directive_that_one_platform_does_not_know_stops_it_there(gate: Callable[..., Any]) -> None:
    done = gate({"nginx.conf": CONF.replace("MORE", " http2 on;")})
    assert done.code == 2, done.output
    assert "1 of 2 releases did not pass the gates" in done.output
    assert 'unknown directive "http2"' in done.output


def test_two_platforms_that_would_share_a_release_are_refused_in_words(gate: Callable[..., Any]) -> None:
    done = gate({"nginx.conf": CONF.replace("MORE", ""), "mime.types": "types { text/plain txt; }\n"})
    assert done.code == 2, done.output
    assert "gets the same tree as old1, which has debian 12 with nginx 1.22.1" in " ".join(done.output.split())
