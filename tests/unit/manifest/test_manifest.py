from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import (
    Difference,
    Entry,
    compare,
    entries_from_json,
    entries_to_json,
    read_tree,
    release_id,
)

DIGEST_OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
CONF = Entry("nginx.conf", "file", 0o644, DIGEST_OF_HELLO)
LINK = Entry("sites-enabled/shop", "link", 0o777, "../sites-available/shop")
FOLDER = Entry("sites-enabled", "dir", 0o755, "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "sites-enabled").mkdir(parents=True)
    (root / "sites-enabled").chmod(0o755)
    (root / "nginx.conf").write_text("hello")
    (root / "nginx.conf").chmod(0o644)
    (root / "sites-enabled/shop").symlink_to("../sites-available/shop")
    return root


def test_a_tree_is_read_in_order_and_links_are_not_followed(tree: Path) -> None:
    assert read_tree(tree) == [CONF, FOLDER, LINK]


@pytest.mark.parametrize("root", ["empty", "absent"])
def test_a_tree_without_files_has_an_empty_manifest(tmp_path: Path, root: str) -> None:
    (tmp_path / "empty").mkdir()
    assert read_tree(tmp_path / root) == []


def test_a_pipe_is_refused_in_words(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(SluiceError, match="pipe is neither a file, a directory nor a link"):
        read_tree(tree)


def test_the_id_does_not_depend_on_the_order() -> None:
    assert release_id([CONF, FOLDER, LINK]) == release_id([LINK, CONF, FOLDER])


def test_the_id_of_a_tree_never_changes() -> None:
    assert release_id([CONF, FOLDER, LINK]) == "57c89d5d4c6c2b70841ce88ccfa637527fba26c4e9ee58eea49fdc464c6c4e0f"


@pytest.mark.parametrize(
    "other",
    [
        CONF._replace(path="nginx2.conf"),
        CONF._replace(mode=0o755),
        CONF._replace(value="0" * 64),
        CONF._replace(kind="link"),
        Entry("a\0file\0" + "0644", "file", 0o644, DIGEST_OF_HELLO),
    ],
)
def test_the_id_depends_on_every_part_of_an_entry(other: Entry) -> None:
    assert release_id([other]) != release_id([CONF])


def test_owner_and_times_do_not_count(tree: Path) -> None:
    before = release_id(read_tree(tree))
    os.utime(tree / "nginx.conf", (1, 1))
    assert release_id(read_tree(tree)) == before


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        ([], [], []),
        ([CONF, LINK], [LINK, CONF], []),
        ([CONF], [CONF, LINK], [Difference(LINK.path, "added")]),
        ([CONF, LINK], [CONF], [Difference(LINK.path, "removed")]),
        ([CONF], [CONF._replace(mode=0o755)], [Difference(CONF.path, "changed")]),
        ([LINK], [LINK._replace(kind="file", value="")], [Difference(LINK.path, "changed")]),
        ([CONF], [LINK], [Difference(CONF.path, "removed"), Difference(LINK.path, "added")]),
    ],
)
def test_trees_are_compared(before: list[Entry], after: list[Entry], differences: list[Difference]) -> None:
    assert compare(before, after) == differences


def test_a_manifest_survives_json() -> None:
    assert entries_from_json(entries_to_json([CONF, FOLDER, LINK])) == [CONF, FOLDER, LINK]


@pytest.mark.parametrize("row", [[], ["a", "file", 420], ["a", "file", "0644", ""], ["a", "file", 420, "", "more"]])
def test_a_row_that_is_no_entry_is_refused_in_words(row: list[object]) -> None:
    with pytest.raises(SluiceError, match=r"is no line of a manifest; expected \[path, kind, mode, value\]"):
        entries_from_json([row])
