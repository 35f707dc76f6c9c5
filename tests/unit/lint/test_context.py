from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import (
    LintContext,
    read_certificates,
    read_extensions,
    read_secrets,
)


@pytest.mark.parametrize(
    ("root", "extensions"),
    [
        ("/srv/shop", {"php", "css"}),
        ("/srv/shop/public", {"php", "css"}),
        ("/srv", {"php", "css", "py"}),
        ("/srv/api", {"py"}),
        ("/srv/shopping", set()),
        ("/other", set()),
        ("$document_root", set()),
    ],
)
def test_the_extensions_below_a_root(root: str, extensions: set[str]) -> None:
    context = LintContext({"/srv/shop": frozenset({"php", "css"}), "/srv/api": frozenset({"py"})})
    assert context.extensions_below(root) == extensions


def test_nothing_is_known_without_document_roots() -> None:
    assert LintContext().extensions_below("/srv") == frozenset()


def test_the_files_of_the_user_are_looked_at(tmp_path: Path) -> None:
    for name in ("index.php", "deep/er/LOGO.PNG", "noextension", ".hidden", "folder.d/x.tar.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = read_extensions({"/srv/shop": tmp_path, "/gone": tmp_path / "gone"})
    assert found == {"/srv/shop": {"php", "png", "gz"}, "/gone": set()}


def test_certificates_are_read_from_the_tree_and_from_mapped_folders(tmp_path: Path) -> None:
    tree, folder = tmp_path / "tree", tmp_path / "certificates"
    for path in (tree / "ssl/shop.pem", folder / "deep/blog.key", tmp_path / "outside.pem"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    (tree / "nginx.conf").write_text(
        """
        ssl_certificate ssl/shop.pem;
        ssl_certificate /etc/nginx/ssl/shop.pem;
        ssl_certificate_key /etc/ssl/private/deep/blog.key;
        ssl_certificate ../outside.pem;
        ssl_certificate /etc/ssl/private/gone.pem;
        ssl_certificate $name.pem;
        ssl_certificate ssl;
        """
    )
    assert read_certificates(parse_tree(tree), tree, {"/etc/ssl/private": folder}) == {
        "ssl/shop.pem": b"shop.pem",
        "/etc/nginx/ssl/shop.pem": b"shop.pem",
        "/etc/ssl/private/deep/blog.key": b"blog.key",
    }


def test_secrets_of_a_tree_are_known_without_following_its_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "outside.key").write_text("of another")
    (tree / "nginx.conf").write_text("auth_basic_user_file users; ssl_certificate_key link;")
    (tree / "users").write_text("x")
    (tree / "link").symlink_to(tmp_path / "outside.key")
    (tree / "shop.key").write_text("y")
    assert read_secrets(tree) == {
        "users": "a directive names it as a list of passwords or keys",
        "shop.key": "it holds a key or passwords, or is called as such a file is",
    }
