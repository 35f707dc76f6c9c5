"""A name leads where the links of the release lead, and the rules of trust look there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import find_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding

RULES = find_rules()


def ask(root: Path, rule: str, text: str, files: Mapping[str, str]) -> list[Finding]:
    """``files`` are contents, or where a link leads to (``-> /x``)."""
    for name, content in {"nginx.conf": f"events {{}}\n{text}\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)
    brings = frozenset(f"/etc/nginx/{name}" for name in ["nginx.conf", *files])
    return RULES[rule].run(parse_tree(root), LintContext(brings=brings, tree=root))


@pytest.mark.parametrize(
    ("rule", "text", "files"),
    [
        ("unpackaged_module", "load_module /etc/nginx/modules/x.so;", {"modules": "-> f", "f/x.so": "x"}),
        ("unpackaged_module", "load_module /etc/nginx/modules/x.so;", {"modules": "-> /srv/uploads"}),
        ("serves_system_path", "http { server { root /etc/nginx/pub; } }", {"pub": "-> /"}),
        ("serves_system_path", "http { server { root /etc/nginx/html; } }", {"html/x": "-> /etc"}),
        (
            "serves_system_path",
            "http { server { root /etc/nginx/html; } }",
            {"html/deep/x": "-> ../y", "html/y": "-> /root"},
        ),
        ("serves_system_path", "http { server { root /etc/nginx/a; } }", {"a": "-> b", "b/x": "-> /etc"}),
        (
            "serves_system_path",
            "http { server { root /etc/nginx/a; } }",
            {"a/x": "-> ../b", "b/y": "-> ../a", "b/z": "-> /"},
        ),
        (
            "proxy_to_internal_service",
            "http { server { proxy_pass http://unix:/etc/nginx/s:; } }",
            {"s": "-> /run/docker.sock"},
        ),
        ("writes_to_system_path", "pid /etc/nginx/run/x;", {"run": "-> /etc/cron.d"}),
        ("include_of_writable_path", "include x/*.conf;", {"x": "-> /tmp"}),
        ("include_of_writable_path", "include x;", {"x": "-> /var/log/nginx/access.log"}),
    ],
)
def test_what_a_link_leads_to_is_looked_at(tmp_path: Path, rule: str, text: str, files: Mapping[str, str]) -> None:
    assert len(ask(tmp_path, rule, text, files)) == 1


@pytest.mark.parametrize(
    ("rule", "text", "files"),
    [
        ("unpackaged_module", "load_module /etc/nginx/modules/x.so;", {"modules": "-> /usr/lib/nginx/modules"}),
        (
            "serves_system_path",
            "http { server { root /etc/nginx/html; } }",
            {"html": "-> /srv/shop", "ssl": "-> /etc/ssl"},
        ),
        ("writes_to_system_path", "pid /etc/nginx/run/x;", {"run": "-> /run"}),
        ("include_of_writable_path", "include x;", {"x": "-> /usr/share/nginx/x.conf"}),
    ],
)
def test_ordinary_links_are_left_alone(tmp_path: Path, rule: str, text: str, files: Mapping[str, str]) -> None:
    assert ask(tmp_path, rule, text, files) == []


def test_another_module_of_the_same_name_is_another_finding(tmp_path: Path) -> None:
    (one,) = ask(tmp_path / "one", "unpackaged_module", "load_module /etc/nginx/x.so;", {"x.so": "one"})
    (two,) = ask(tmp_path / "two", "unpackaged_module", "load_module /etc/nginx/x.so;", {"x.so": "two"})
    assert (one.what, one.actual != two.actual) == (two.what, True)
