from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import Context, read_docroots


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
    context = Context({"/srv/shop": frozenset({"php", "css"}), "/srv/api": frozenset({"py"})})
    assert context.extensions_below(root) == extensions


def test_nothing_is_known_without_document_roots() -> None:
    assert Context().extensions_below("/srv") == frozenset()


def test_the_files_of_the_user_are_looked_at(tmp_path: Path) -> None:
    for name in ("index.php", "deep/er/LOGO.PNG", "noextension", ".hidden", "folder.d/x.tar.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = read_docroots({"/srv/shop": tmp_path, "/gone": tmp_path / "gone"})
    assert found.extensions == {"/srv/shop": {"php", "png", "gz"}, "/gone": set()}
