"""Faults of nginx itself are judged by the oldest nginx of the hosts, else by that of staging."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates.lint import run
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.lint.rules.headers import upgrade_lost
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject

_MAIN = b"""events {}
http {
    server {
        location /a/ {
            rewrite ^/a/(.*)$ /index.php?path=$1;
            set $page $1;
        }
        location /b/ {
            rewrite ^/b/((.*))$ /c/$1?name=$2 redirect;
        }
    }
}
"""


def _told(**versions: str | None) -> Mapping[str, Mapping[str, Any]]:
    return {host: {"needs": [], "facts": {"nginx_version": version}} for host, version in versions.items()}


@pytest.mark.parametrize(
    ("staging", "said", "found"),
    [
        ({}, None, set()),
        ({"nginx_version": "1.22.1"}, None, {"CVE-2026-42945", "CVE-2026-9256"}),
        ({"nginx_version": "1.31.1"}, None, set()),
        ({"nginx_version": "1.31.0"}, None, {"CVE-2026-9256"}),
        ({"nginx_version": "1.30.1"}, None, {"CVE-2026-9256"}),
        ({"nginx_version": "1.30.2"}, None, set()),
        ({"nginx_version": "1.22.1"}, _told(web1="1.30.2", web2="1.31.1"), set()),
        ({"nginx_version": "1.31.1"}, _told(web1="1.31.1", web2="1.9.9"), {"CVE-2026-42945", "CVE-2026-9256"}),
        ({"nginx_version": "1.30.1"}, _told(web1=None), {"CVE-2026-9256"}),
    ],
)
def test_the_oldest_nginx_counts(
    tmp_path: Path, staging: Mapping[str, str], said: Mapping[str, Mapping[str, Any]] | None, found: set[str]
) -> None:
    release = ReleaseStore(tmp_path).add({"nginx.conf": trees.file(_MAIN, "nginx.conf")}, [], [], staging)
    subject = Subject(["web1"], GateOptions(), release=release, config=parse_tree(release.tree), said=said)
    findings = [each for each in run(subject).findings if "[vulnerable_rewrite]" in each.what]
    assert {each.what.partition(":")[0] for each in findings} == found
    assert all(each.warning for each in findings)


@pytest.mark.parametrize(("version", "found"), [("", 1), ("1.22.1", 1), ("1.29.6", 1), ("1.29.7", 0), ("1.30.0", 0)])
def test_an_upstream_is_asked_with_http_1_1_by_newer_versions(tmp_path: Path, version: str, found: int) -> None:
    headers = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    text = f"http {{ server {{ location / {{ proxy_pass http://127.0.0.1:3000; {headers} }} }} }}"
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    assert len(list(upgrade_lost.run(parse_tree(tmp_path), LintContext(nginx=version)))) == found
