"""A change with secrets in its lines and its checks, through the real gates: none of them comes out anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def _conf(side: str) -> str:
    return f"""map $http_x_api_key $client {{
    default "";
    "K0-{side}-S3CR3T-map" acme;
}}
server {{
    listen 8080 default_server;
    server_name shop.example;
    location / {{ return 200 "hello"; }}
    location /a {{ secure_link $arg_md5,$arg_expires; secure_link_md5 "$uri {side}-S3CR3T-link"; return 200 "a"; }}
    location /b {{ if ($http_x_token != "{side}-S3CR3T-if") {{ return 403; }} return 200 "b"; }}
    location /c {{ return 301 http://shop.example/?sig={side}-S3CR3T-sig&id=42; }}
    location /d {{ set $backend_token "{side}-S3CR3T-set"; add_header X-Backend $backend_token; return 200 "d"; }}
}}
"""


CHECKS = [
    {
        "post": "http://shop.example:8080/c?api_token=S3CR3T-query&page=2",
        "headers": {"X-Token": "S3CR3T-header", "Authorization": "Bearer S3CR3T-bearer"},
        "body": {"password": "S3CR3T-form"},
        "expect": {"location": "/other?sig=S3CR3T-expected", "headers": {"X-Backend": "S3CR3T-reply"}},
    },
    {"name": "b is open", "get": "http://shop.example:8080/b", "headers": {"X-Token": "NEW-S3CR3T-if"}},
]


def test_no_output_of_the_gates_has_a_secret(play: Callable[..., Any], tmp_path: Path) -> None:
    for side in ("OLD", "NEW"):
        folder = tmp_path / side / "conf.d"
        folder.mkdir(parents=True)
        (folder / "site.conf").write_text(_conf(side))
    given = tmp_path / "given.json"
    trees = {"nginx_tree": str(tmp_path / "NEW"), "nginx_live_tree": str(tmp_path / "OLD")}
    given.write_text(json.dumps({**trees, "nginx_checks": CHECKS, "gates_probe": False}))
    arguments = ("-i", "inventories/bare", "-e", f"@{given}")
    done = play("playbooks/gate.yml", *arguments, GITHUB_ACTIONS="true")
    assert done.code == 2, done.output
    (path,) = re.findall(r"^record: (.+)$", done.output, re.MULTILINE)
    said = {each.name: each.read_text() for each in Path(path).parent.iterdir() if each.is_file()}
    assert {"gates.txt", "journal.jsonl", "run.json", "report.html", "junit.xml", "findings.sarif"} <= said.keys()
    suggested = play("playbooks/suggest.yml", *arguments)
    said |= {"terminal": done.output, "suggestions": suggested.output}
    for name, text in said.items():
        assert re.findall(r".{0,60}S3CR3T.{0,20}", text) == [], name
    told = said["gates.txt"]
    assert "POST http://shop.example:8080/c?api_token=…&page=2: " in told
    assert "expected Location /other?sig=…, got http://shop.example/?sig=…&id=42" in told
    assert "expected header X-Backend: …, got none" in told
    (release,) = json.loads(said["run.json"])["releases"]
    (change,) = release["changes"]
    assert 'secure_link_md5 "$uri' in change["diff"]
    assert "?sig=" in change["diff"]
    assert "::stop-commands::" in done.output
    assert Path(path).parent.parent.parent.stat().st_mode & 0o077 == 0
