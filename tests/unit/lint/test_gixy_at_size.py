"""gixy with tables finds what it finds by itself, and its time grows with the servers and not with their square."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint import audit as auditing
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import UNJUDGED, Issue, audit
from tests.unit.lint.fixtures import CASES

_HTTP = """events {}
http {
    server_tokens off;
    resolver 127.0.0.53;
    map $uri $by_path { default none; ~^/a/(?<rest>.*)$ /b/$rest; /c $request_uri; /d $by_other; }
    map $http_x $by_other { default $by_path; one two; ~*^x(.*) $1; }
    map $http_origin $cors { default ""; ~*shop.example $http_origin; }
    include parts/*.conf;
}
"""
_PARTS = {
    "parts/a.conf": """upstream app { server app.example.com:8080; server 10.0.0.1; }
upstream safe { zone safe 64k; server app.example.com resolve; }
server {
    listen 80 default_server;
    server_name shop.example;
    include snippets/headers.conf;
    add_header Access-Control-Allow-Origin $cors;
    location /i { alias /srv/images/; }
    location /a { proxy_pass http://app; add_header X-Path $by_path; include snippets/proxy.conf; }
    location /b { return 301 https://shop.example$by_path; }
    location /c { return 301 https://shop.example/$by_other; }
    location /s { proxy_pass http://safe; if ($arg_a) { set $b 1; add_header X-B $b; } }
}
""",
    "parts/b.conf": """server {
    listen 443 ssl http2 default_server;
    ssl_reject_handshake on;
    include snippets/headers.conf;
    location ~ ^/(?<name>[^/]+)$ { proxy_pass http://$name.example.com; include snippets/proxy.conf; }
    location / { proxy_pass http://app$uri; root /; if ($http_origin ~ shop.example) { add_header A $http_origin; } }
}
""",
    "snippets/headers.conf": "add_header X-Frame-Options DENY;\nadd_header Content-Type text/html;\n",
    "snippets/proxy.conf": "proxy_set_header Host $http_host;\nproxy_set_header X-Path $by_path;\n",
}


def _laid(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _by_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Issue]:
    with monkeypatch.context() as patched:
        patched.setattr(auditing, "at_size", contextlib.nullcontext)
        auditing._audited.cache_clear()
        found = audit(root, parse_tree(root))
    auditing._audited.cache_clear()
    return found


def test_tables_change_no_finding_of_maps_includes_and_upstreams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _laid(tmp_path, {"nginx.conf": _HTTP, **_PARTS})
    alone = _by_itself(root, monkeypatch)
    assert {"missing_resolver", "alias_traversal", "http_splitting"} <= {issue.rule for issue in alone}
    assert audit(root, parse_tree(root)) == alone


@pytest.mark.parametrize("part", range(4))
def test_tables_change_no_finding_of_the_fixtures(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = set()
    for number, path in enumerate(CASES[part::16]):
        root = _laid(tmp_path / str(number), {"nginx.conf": path.read_text()})
        alone = _by_itself(root, monkeypatch)
        assert audit(root, parse_tree(root)) == alone, path
        rules |= {issue.rule for issue in alone}
    assert rules - {UNJUDGED}


def test_ten_times_the_servers_take_no_more_than_twenty_times_as_long(tmp_path: Path) -> None:
    def seconds(servers: int) -> float:
        rows = "".join(f"    s{number}.example {number};\n" for number in range(servers))
        each = (
            "upstream u{0} {{ server 10.0.0.1; }}\nserver {{ listen 80; server_name s{0}.example; "
            "add_header X-Tenant $tenant; location / {{ include snippets/p.conf; proxy_pass http://u{0}; }} }}\n"
        )
        blocks = "".join(each.format(number) for number in range(servers))
        root = _laid(
            tmp_path / str(servers),
            {
                "nginx.conf": f"events {{}}\nhttp {{\nmap $host $tenant {{\n{rows}}}\n{blocks}}}\n",
                "snippets/p.conf": "proxy_set_header Host $host;\n",
            },
        )
        config = parse_tree(root)
        began = time.process_time()
        audit(root, config)
        return time.process_time() - began

    seconds(10)
    assert seconds(400) < 20 * max(seconds(40), 0.05)


@pytest.mark.parametrize(
    "lines",
    [
        "".join(f'set $t{number} "$t{number - 1}$t{number - 1}";\n' for number in range(1, 50)),
        "set $t0 a;\n" + "".join(f'set $t{number} "$t{number - 1}$t{number - 1}";\n' for number in range(1, 50)),
    ],
)
def test_variables_that_are_made_of_others_twice_end(tmp_path: Path, lines: str) -> None:
    """Each was asked twice by the next one: fifty of them without an end."""
    text = f"events {{}}\nhttp {{ server {{\n{lines}return 301 $t49;\nlocation / {{ proxy_pass http://$t49; }}\n}} }}\n"
    root = _laid(tmp_path, {"nginx.conf": text})
    began = time.process_time()
    audit(root, parse_tree(root))
    assert time.process_time() - began < 5


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    auditing._audited.cache_clear()
