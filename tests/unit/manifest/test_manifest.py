from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils import manifest
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import (
    ManifestEntry,
    PathDifference,
    compare,
    entries_from_json,
    entries_to_json,
    read_tree,
    release_id,
    why_odd,
)
from tests.unit.hostile import json_values

DIGEST_OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
CONF = ManifestEntry("nginx.conf", "file", 0o644, DIGEST_OF_HELLO)
LINK = ManifestEntry("sites-enabled/shop", "link", 0o777, "../sites-available/shop")
FOLDER = ManifestEntry("sites-enabled", "dir", 0o755, "")


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
    ],
)
def test_the_id_depends_on_every_part_of_an_entry(other: ManifestEntry) -> None:
    assert release_id([other]) != release_id([CONF])


def test_two_trees_never_share_an_id() -> None:
    evil = ManifestEntry("conf.d/evil.conf", "file", 0o644, DIGEST_OF_HELLO)
    tested = [ManifestEntry("d/a", "link", 0o777, "x"), evil._replace(path=f"conf.d\n{evil.path}")]
    shipped = [ManifestEntry("d/a", "link", 0o777, "x\nconf.d"), evil]
    for tree in (tested, shipped):
        with pytest.raises(SluiceError, match="has control characters; a release cannot hold it"):
            release_id(tree)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (ManifestEntry("a\0file\0" + "0644", "file", 0o644, DIGEST_OF_HELLO), r"the name 'a\\x00file.*' has control"),
        (ManifestEntry("a\nb", "dir", 0o755, ""), r"the name 'a\\nb' has control characters; a release cannot hold it"),
        (ManifestEntry("a\x7f", "dir", 0o755, ""), "has control characters"),
        (ManifestEntry("a\x85", "dir", 0o755, ""), "has control characters"),
        (ManifestEntry("a", "link", 0o777, "x\ny"), r"the link's target 'x\\ny' of 'a' has control characters"),
        (ManifestEntry(os.fsdecode(b"caf\xe9"), "dir", 0o755, ""), "is not UTF-8; a release cannot hold it"),
        (
            ManifestEntry("a", "socket", 0o755, ""),
            "'a' is a 'socket'; a release holds files, directories and links only",
        ),
        (ManifestEntry("a", "file", 0o100644, DIGEST_OF_HELLO), "'a' has the mode 100644; expected one up to 7777"),
        (ManifestEntry("a", "file", -1, DIGEST_OF_HELLO), "'a' has the mode -1"),
    ],
)
def test_what_no_release_can_hold_is_refused_with_its_name(entry: ManifestEntry, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        release_id([CONF, entry])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["file", "link", "dir"]), st.text(max_size=3)), max_size=3)
)
def test_the_text_of_a_manifest_can_be_read_back(rows: list[tuple[str, str, str]]) -> None:
    entries = sorted(ManifestEntry(path, kind, 0o644, value) for path, kind, value in rows)
    try:
        release_id(entries)
    except SluiceError:
        return
    text = "".join(f"{path}\0{kind}\0{mode:04o}\0{value}\n" for path, kind, mode, value in entries)
    fields = [line.split("\0") for line in text.split("\n")[:-1]]
    assert [ManifestEntry(path, kind, int(mode, 8), value) for path, kind, mode, value in fields] == entries


@pytest.mark.parametrize("name", ["Grüße.conf", "日本.conf", "no\u00a0break", "a b", "x\u202ey"])
def test_a_name_that_a_host_has_may_be_odd_and_no_more(name: str) -> None:
    assert release_id([CONF._replace(path=name)])


def test_owner_and_times_do_not_count(tree: Path) -> None:
    before = release_id(read_tree(tree))
    os.utime(tree / "nginx.conf", (1, 1))
    assert release_id(read_tree(tree)) == before


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        ([], [], []),
        ([CONF, LINK], [LINK, CONF], []),
        ([CONF], [CONF, LINK], [PathDifference(LINK.path, "added")]),
        ([CONF, LINK], [CONF], [PathDifference(LINK.path, "removed")]),
        ([CONF], [CONF._replace(mode=0o755)], [PathDifference(CONF.path, "changed")]),
        ([LINK], [LINK._replace(kind="file", value="")], [PathDifference(LINK.path, "changed")]),
        ([CONF], [LINK], [PathDifference(CONF.path, "removed"), PathDifference(LINK.path, "added")]),
    ],
)
def test_trees_are_compared(
    before: list[ManifestEntry], after: list[ManifestEntry], differences: list[PathDifference]
) -> None:
    assert compare(before, after) == differences


def test_a_manifest_survives_json() -> None:
    assert entries_from_json(entries_to_json([CONF, FOLDER, LINK])) == [CONF, FOLDER, LINK]


@pytest.mark.parametrize(
    "row",
    [
        [],
        ["a", "file", 420],
        ["a", "file", "0644", ""],
        ["a", "file", 420, "", "more"],
        ["a", "file", True, DIGEST_OF_HELLO],
        ["a", "file", 420.0, DIGEST_OF_HELLO],
        [["a"], "file", 420, DIGEST_OF_HELLO],
        ["a", None, 420, DIGEST_OF_HELLO],
        {"a": 1},
        "afile",
        None,
        5,
    ],
)
def test_a_row_that_is_no_entry_is_refused_in_words(row: object) -> None:
    with pytest.raises(SluiceError, match=r"is no line of a manifest; expected \[path, kind, mode, value\]"):
        entries_from_json([row])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, r"a manifest is a list of \[path, kind, mode, value\], not NoneType"),
        ({}, "a manifest is a list of"),
        ([list(CONF), list(CONF)], "the manifest has 'nginx.conf' twice"),
        ([list(CONF), ["nginx.conf", "dir", 0o755, ""]], "the manifest has 'nginx.conf' twice"),
        ([["a", "file", 0o644, "no digest"]], "'a' is a file in a manifest, and 'no digest' is no value of one"),
        ([["a", "dir", 0o755, "x"]], "'a' is a dir in a manifest, and 'x' is no value"),
        ([["a", "link", 0o777, ""]], "'a' is a link in a manifest, and '' is no value"),
        ([["a", "socket", 0o755, ""]], "'a' is a 'socket'"),
        ([["a", "dir", 1 << 70, ""]], "'a' has the mode"),
        *(
            ([[path, "dir", 0o755, ""]], f"'{path}' in a manifest is no path inside of a tree")
            for path in ("", "/", "/etc", "..", "a/../b", "a/..", "../a", ".", "./a", "a//b", "a/")
        ),
    ],
)
def test_a_manifest_of_no_tree_is_refused_in_words(rows: object, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        entries_from_json(rows)


@settings(deadline=None)
@given(json_values())
def test_whatever_a_manifest_is_said_to_be_it_is_read_or_refused(rows: object) -> None:
    try:
        entries = entries_from_json(rows)
    except SluiceError:
        return
    assert entries_to_json(entries) == rows


def test_a_file_of_any_size_without_a_byte_is_not_read(tmp_path: Path) -> None:
    """Whoever has a folder below /etc/nginx could keep the engine busy for hours."""
    (tmp_path / "nginx.conf").write_text("events {}\n", encoding="utf-8")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SluiceError, match="'big' is too large: a tree has at most 2 GiB of files"):
        read_tree(tmp_path)
    entries = {entry.path: entry for entry in read_tree(tmp_path, odd=True)}
    assert entries["nginx.conf"].kind == "file"
    assert "is too large" in why_odd(entries["big"])


def test_nor_are_many_that_are_too_large_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_MOST_BYTES", 10)
    for number in range(4):
        (tmp_path / str(number)).write_bytes(b"1234")
    assert sum(bool(why_odd(entry)) for entry in read_tree(tmp_path, odd=True)) == 2


@pytest.mark.parametrize("becomes", ["pipe", "link", "longer"])
def test_what_becomes_something_else_meanwhile_is_not_waited_for_nor_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    tree, path = tmp_path / "tree", tmp_path / "tree" / "a.conf"
    tree.mkdir()
    path.write_text("a", encoding="utf-8")
    (tmp_path / "secret").write_text("S3CR3T", encoding="utf-8")
    digest = manifest._digest

    def late(name: str, most: int) -> tuple[str, int]:
        path.unlink()
        if becomes == "pipe":
            os.mkfifo(path)
        elif becomes == "link":
            path.symlink_to(tmp_path / "secret")
        else:
            with path.open("wb") as file:
                file.truncate(1 << 40)
        return digest(name, most)

    monkeypatch.setattr(manifest, "_digest", late)
    monkeypatch.setattr(manifest, "_MOST_BYTES", 1 << 20)
    if becomes == "longer":
        assert why_odd(read_tree(tree, odd=True)[0])
    else:
        with pytest.raises(OSError, match=r"became something else|symbolic links"):
            read_tree(tree)
