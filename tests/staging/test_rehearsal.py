"""An upgrade of nginx is rehearsed: what another version does otherwise with a tree is told before anybody upgrades."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

SHOP = """server {
    listen 80;
    listen 443 ssl http2;
    server_name shop.example;
    ssl_certificate /etc/ssl/shop.crt;
    ssl_certificate_key /etc/ssl/shop.key;
    location / { return 200 shop; }
    location = /lost { return 404; }
    MORE
}
"""


@pytest.fixture
def rehearse(play: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Rehearse the upgrade from Debian 12 to 13 with a server that has more lines, or others where it is live."""

    def run(more: str, live: str = "") -> Any:
        for name, lines in {"tree": more, **({"live": live} if live else {})}.items():
            (tmp_path / name / "conf.d").mkdir(parents=True)
            (tmp_path / name / "conf.d/shop.conf").write_text(SHOP.replace("MORE", lines), encoding="utf-8")
        arguments = ["-i", "inventories/bare", "-e", f"nginx_tree={tmp_path}/tree", "-e", "staging_platform=debian-12"]
        arguments += ["-e", f"gates_live_tree={tmp_path}/live"] if live else []
        return play("playbooks/rehearse.yml", *arguments, "-e", "platform=debian-13")

    return run


def test_a_new_warning_fails_nothing_and_the_version_alone_is_no_difference(rehearse: Callable[..., Any]) -> None:
    done = rehearse("location = /health { return 204; }")
    assert done.code == 0, done.output
    assert "nginx 1.22.1 of debian 12 → nginx 1.26.3 of debian 13" in done.output
    assert 'debian 13 warns: the "listen ... http2" directive is deprecated' in done.output
    assert "asked of both" in done.output


def test_another_answer_of_the_live_tree_is_told_with_its_request(rehearse: Callable[..., Any]) -> None:
    done = rehearse("", live="location = /version { return 200 $nginx_version; }")
    assert done.code == 2, done.output
    assert "body 1.22.1 → 1.26.3: another document" in done.output
    assert "shop.example/version" in done.output
    assert "conf.d/shop.conf:9" in done.output


def test_a_rehearsal_names_what_it_rehearses(play: Callable[..., Any]) -> None:
    done = play("playbooks/rehearse.yml", "-i", "inventories/bare", "-e", "staging_platform=debian-12")
    assert done.code == 2
    assert "nothing is named to rehearse; use -e nginx_version=1.26.3 or -e platform=debian-13" in done.output
