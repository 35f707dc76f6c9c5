"""The one way to read a file of a tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import tree_reader
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.tree_reader import (
    LeavesTree,
    find_inside,
    paths_inside,
    read_inside,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "conf.d").mkdir(parents=True)
    (root / "conf.d/a.conf").write_text("a")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/vault").write_text("S3CR3T")
    return root


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("conf.d", "enabled/a.conf"),
        ("./conf.d/../conf.d", "enabled/a.conf"),
        ("/etc/nginx/conf.d", "enabled/a.conf"),
        ("../nginx/conf.d", "enabled/a.conf"),
        ("/etc/../etc/nginx/conf.d/", "enabled/a.conf"),
        ("conf.d/a.conf", "enabled"),
        ("/etc/nginx/conf.d/a.conf", "enabled"),
    ],
)
def test_links_within_the_tree_are_followed_as_on_a_host(tree: Path, link: str, name: str) -> None:
    (tree / "enabled").symlink_to(link)
    assert find_inside(tree, name) == "conf.d/a.conf"
    assert read_inside(tree, name) == b"a"


@pytest.mark.parametrize(
    ("link", "name", "target"),
    [
        ("../secret", "leak/vault", "/etc/secret/vault"),
        ("../../tree/../secret", "leak/vault", "/secret/vault"),
        ("/etc/passwd", "leak", "/etc/passwd"),
        ("/", "leak/etc/shadow", "/etc/shadow"),
        ("/etc/nginx-other", "leak/x", "/etc/nginx-other/x"),
        ("conf.d/../..", "leak/shadow", "/etc/shadow"),
        (".", "leak/../shadow", "/etc/shadow"),
        ("//etc/shadow", "leak", "/etc/shadow"),
    ],
)
def test_what_leads_out_is_told_and_never_opened(tree: Path, link: str, name: str, target: str) -> None:
    (tree / "leak").symlink_to(link)
    with pytest.raises(LeavesTree) as caught:
        read_inside(tree, name)
    assert caught.value.target == target


def test_a_link_that_names_the_tree_by_its_path_here_leads_out(tree: Path) -> None:
    (tree / "leak").symlink_to(tree.parent / "secret")
    with pytest.raises(LeavesTree):
        read_inside(tree, "leak/vault")


def test_links_in_a_circle_end_in_a_sentence(tree: Path) -> None:
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")
    with pytest.raises(SluiceError, match="in a circle"):
        read_inside(tree, "a")


@pytest.mark.parametrize("name", ["conf.d", "none", "conf.d/a.conf/x", "a\0b", "x" * 5000, "", ".", "conf.d/"])
def test_what_is_no_file_is_not_found(tree: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        read_inside(tree, name)


def test_pipes_and_devices_end_in_a_sentence(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(SluiceError, match="neither a file"):
        read_inside(tree, "pipe")
    (tree / "zero").symlink_to("/dev/zero")
    with pytest.raises(LeavesTree):
        read_inside(tree, "zero")


def test_a_file_has_a_bound(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_reader, "MOST_BYTES", 3 << 20)
    (tree / "big").write_bytes(bytes(3 << 20))
    assert len(read_inside(tree, "big")) == 3 << 20
    (tree / "big").write_bytes(bytes((3 << 20) + 1))
    with pytest.raises(SluiceError, match="larger than 3 MiB"):
        read_inside(tree, "big")


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "leak").symlink_to("../secret")
    monkeypatch.setattr(tree_reader, "find_inside", lambda root, name: name)
    with pytest.raises(OSError, match="leak"):
        read_inside(tree, "leak/vault")


def test_links_of_folders_are_listed_and_not_entered(tree: Path) -> None:
    (tree / "leak").symlink_to("../secret")
    (tree / "a.conf").symlink_to("conf.d/a.conf")
    assert paths_inside(tree) == ["a.conf", "conf.d/a.conf", "leak"]
