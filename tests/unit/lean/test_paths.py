"""A lean path does what one of ``pathlib`` does."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lean.paths import Path

TEXTS = [
    "/",
    "a",
    "/a",
    "a/b",
    "/a/b/",
    "/a//b",
    "./a",
    "/a/./b",
    ".",
    "",
    "a/..",
    "/a/../b",
    "/x.d/y.tar.gz",
    "-",
    "a b",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "ask",
    [
        str,
        os.fspath,
        lambda path: path.name,
        lambda path: str(path.parent),
        lambda path: str(path.parent.parent),
        lambda path: path.parts,
        lambda path: path.is_absolute(),
        lambda path: path.as_posix(),
        lambda path: str(path / "c"),
        lambda path: str(path / "c/d"),
        lambda path: str(path / "/c"),
        lambda path: str(path / ""),
        lambda path: f"{path}",
    ],
)
def test_texts_are_the_same(text: str, ask: Callable[[Any], object]) -> None:
    assert ask(Path(text)) == ask(pathlib.PurePosixPath(text))


@pytest.mark.parametrize(("text", "above"), [("/a/b/c", "/a"), ("/a", "/a"), ("/a", "/"), ("a/b", "a"), ("/ab", "/a")])
def test_the_way_from_above_is_the_same(text: str, above: str) -> None:
    def way(make: Any) -> str:
        try:
            return str(make(text).relative_to(make(above)))
        except ValueError:
            return "none"

    assert way(Path) == way(pathlib.PurePosixPath)


def test_a_name_beside_is_the_same() -> None:
    for text in ("/a/b", "b", "/b"):
        assert str(Path(text).with_name(".c")) == str(pathlib.PurePosixPath(text).with_name(".c"))


@pytest.mark.parametrize("name", ["file", "folder", "link", "broken", "none", "to folder", "file/below"])
def test_what_is_there_is_seen_the_same(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "file").write_text("text\u00e9", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "child").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "to folder").symlink_to(tmp_path / "folder")
    asked: list[Callable[[Any], object]] = [
        lambda path: path.exists(),
        lambda path: path.is_dir(),
        lambda path: path.is_file(),
        lambda path: path.is_symlink(),
        lambda path: path.lstat().st_ino,
        lambda path: path.stat().st_ino,
        lambda path: str(path.resolve()),
        lambda path: path.read_bytes(),
        lambda path: path.read_text(encoding="utf-8"),
        lambda path: path.read_text(encoding="ascii", errors="replace"),
        lambda path: sorted(str(child) for child in path.iterdir()),
    ]

    def answer(ask: Callable[[Any], object], path: Any) -> object:
        try:
            return ask(path)
        except OSError as error:
            return error.errno

    for ask in asked:
        assert answer(ask, Path(tmp_path) / name) == answer(ask, tmp_path / name)


def test_changes_are_made(tmp_path: pathlib.Path) -> None:
    path = Path(tmp_path) / "a" / "b"
    with pytest.raises(FileNotFoundError):
        path.mkdir()
    path.mkdir(parents=True)
    path.mkdir(parents=True, exist_ok=True)
    with pytest.raises(FileExistsError):
        path.mkdir(parents=True)
    path.chmod(0o700)
    assert path.stat().st_mode & 0o777 == 0o700
    link = path / "link"
    link.symlink_to("x")
    with pytest.raises(FileExistsError):
        link.mkdir(exist_ok=True)
    link.unlink()
    assert list(path.iterdir()) == []
