from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.shipped import edited, shipped
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree


def _tree(folder: Path, text: str, files: dict[str, str]) -> Path:
    for name, content in {"nginx.conf": text, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.mark.parametrize(
    ("inside", "targets"),
    [
        ("root /etc/nginx/html;", ["/50x.html", "/img/a b.png"]),
        ("location /e/ { root /etc/nginx/html/; }", ["/50x.html", "/img/a b.png"]),
        ("location ^~ /e/ { alias /etc/nginx/html/; }", ["/e/50x.html", "/e/img/a b.png"]),
        ("location /e { location /e/f { alias /etc/nginx/html/img/; } }", ["/e/f/a b.png"]),
        ("root /srv/html;", []),
        ("root html;", []),
        ("root /etc/nginx/$host;", []),
        ("location ~ ^/e/(.*) { alias /etc/nginx/html/$1; }", []),
    ],
)
def test_files_of_the_release_are_asked_for(tmp_path: Path, inside: str, targets: list[str]) -> None:
    text = f"http {{ server {{ listen 80; server_name s; {inside} }} }}"
    tree = _tree(tmp_path, text, {"html/50x.html": "sorry", "html/img/a b.png": "x", "other.txt": "secret"})
    found = shipped(parse_tree(tree), tree)
    assert [each.request.target for each in found] == [target.replace(" ", "%20") for target in targets]


def test_http_says_where_files_are_and_no_link_leads_out(tmp_path: Path) -> None:
    text = "http { root /etc/nginx/html; server { listen 80; server_name s; } }"
    tree = _tree(tmp_path, text, {"html/a": "a"})
    (tree / "html/b").symlink_to("/etc/passwd")
    assert [each.file for each in shipped(parse_tree(tree), tree)] == ["html/a"]


def test_a_file_is_edited_where_its_content_is_another_or_gone(tmp_path: Path) -> None:
    live = _tree(tmp_path / "live", "", {"a": "1", "b": "1", "c": "1"})
    candidate = _tree(tmp_path / "candidate", "", {"a": "1", "b": "2"})
    assert [edited(live, candidate, name) for name in ("a", "b", "c", "d")] == [False, True, True, False]
