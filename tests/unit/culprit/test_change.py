"""A change is split into parts, and any of them can be taken over without the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.change import (
    ChangedEntry,
    ChangePart,
    TreeChange,
    read_change,
)
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.lines import hunks

Texts = Mapping[str, str | bytes]


def write(root: Path, texts: Texts) -> Path:
    """Write files; a text that begins with an arrow is a link."""
    root.mkdir()
    for path, text in texts.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str) and text.startswith("→"):
            place.symlink_to(text[1:])
        else:
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def between(folder: Path, old: Texts, new: Texts, withheld: tuple[str, ...] = ()) -> TreeChange:
    return read_change(write(folder / "old", old), write(folder / "new", new), withheld)


def texts(change: TreeChange, chosen: frozenset[int]) -> dict[str, str]:
    """The files of the mixed tree."""
    mixed: dict[str, ChangedEntry | None] = {**change.old, **change.mixed(chosen)}
    return {path: node.data.decode() for path, node in mixed.items() if node is not None}


def leaves(parts: tuple[ChangePart, ...]) -> list[frozenset[int]]:
    return [each for part in parts for each in (leaves(part.finer) if part.finer else [part.edits])]


LIVE = "server {\n    listen 80;\n    root /srv;\n}\n"
EXAMPLES: dict[str, tuple[Texts, Texts, list[dict[str, str]]]] = {
    "a line in another's place": (
        {"a.conf": LIVE},
        {"a.conf": LIVE.replace("80", "81")},
        [{"a.conf": LIVE.replace("80", "81")}],
    ),
    "lines far from each other are taken over one by one": (
        {"a.conf": LIVE},
        {"a.conf": LIVE.replace("80", "81").replace("root /srv", "root /srv/www").replace("server", "# new\nserver")},
        [
            {"a.conf": f"# new\n{LIVE}"},
            {"a.conf": LIVE.replace("80", "81")},
            {"a.conf": LIVE.replace("root /srv", "root /srv/www")},
        ],
    ),
    "a new block is its two ends, and each line inside": (
        {"a.conf": LIVE},
        {"a.conf": LIVE.replace("}\n", "    location /x {\n        return 204;\n        expires 1d;\n    }\n}\n")},
        [
            {"a.conf": LIVE.replace("}\n", "    location /x {\n    }\n}\n")},
            {"a.conf": LIVE.replace("}\n", "        return 204;\n}\n")},
            {"a.conf": LIVE.replace("}\n", "        expires 1d;\n}\n")},
        ],
    ),
    "a block that came beside one that ends as it does": (
        {"a.conf": "server {\n    location /a {\n        root /a;\n    }\n}\n"},
        {
            "a.conf": "server {\n    location /a {\n        root /a;\n    }\n"
            "    location /b {\n        root /b;\n    }\n}\n"
        },
        [
            {"a.conf": "server {\n    location /a {\n        root /a;\n    }\n    location /b {\n    }\n}\n"},
            {"a.conf": "server {\n    location /a {\n        root /a;\n    }\n        root /b;\n}\n"},
        ],
    ),
    "a new file, of which a line alone can be taken over": (
        {},
        {"b.conf": "gzip on;\nautoindex on;\n"},
        [{"b.conf": "gzip on;"}, {"b.conf": "autoindex on;"}, {"b.conf": ""}],
    ),
    "a file that goes": ({"a.conf": "gzip on;"}, {}, [{}]),
    "an empty file that comes": ({}, {"a.conf": ""}, [{"a.conf": ""}]),
    "a link that leads elsewhere": (
        {"enabled": "→a", "a": "x"},
        {"enabled": "→b", "a": "x"},
        [{"enabled": "b", "a": "x"}],
    ),
    "what is no text is taken as a whole": ({"a": b"\0one"}, {"a": b"\0two\nlines"}, [{"a": "\0two\nlines"}]),
    "a folder in the place of a file": (
        {"a": "x", "z": "1"},
        {"a/b": "y", "a/c": "z", "z": "1"},
        [{"a/b": "y", "a/c": "z", "z": "1"}],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_smallest_parts_of_a_change(tmp_path: Path, name: str) -> None:
    old, new, expected = EXAMPLES[name]
    change = between(tmp_path, old, new)
    told = [texts(change, part) for part in leaves(change.parts)]
    assert sorted(told, key=str) == sorted(expected, key=str)


def test_what_a_host_withheld_is_no_change_and_is_there_in_each_tree(tmp_path: Path) -> None:
    change = between(tmp_path, {"key.pem": "", "a": "1"}, {"key.pem": "secret", "a": "2"}, ("key.pem",))
    assert [edit.path for edit in change.edits] == ["a"]
    assert texts(change, frozenset()) == {"key.pem": "secret", "a": "1"}


def test_the_edit_that_brought_a_line_is_known(tmp_path: Path) -> None:
    change = between(tmp_path, {"a": "1\n2\n3\n4\n"}, {"a": "1\nnew\n2\n3\nfour\n"})
    lines = [change.at("a", line) for line in range(1, 6)]
    assert lines == [None, 0, None, None, 1]
    assert change.at("b", 1) is None


words = st.sampled_from(
    ["", "}", "server {", "location / {", "gzip on;", "root /srv;", "return 200 a;", 'return 200 "{";', "# {", "x}"]
)
files = st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.lists(words, max_size=12).map("\n".join), max_size=3)


@settings(max_examples=60)
@given(files, files)
def test_nothing_is_the_old_tree_and_everything_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, old: dict[str, str], new: dict[str, str]
) -> None:
    change = between(tmp_path_factory.mktemp("trees"), old, new)
    assert texts(change, frozenset()) == old
    assert texts(change, change.all) == new
    for parts in (change.parts, *(part.finer for part in change.parts if part.finer)):
        numbers = [number for part in parts for number in part.edits]
        assert len(numbers) == len({*numbers})
    assert sorted(number for part in leaves(change.parts) for number in part) == sorted(change.all)


@settings(max_examples=200)
@given(st.lists(words, max_size=14), st.lists(words, max_size=14))
def test_all_lines_that_differ_make_one_text_of_the_other(old: list[str], new: list[str]) -> None:
    before, after = [line.encode() for line in old], [line.encode() for line in new]
    made: list[bytes] = []
    done = 0
    for row in (row for hunk in hunks(before, after) for row in hunk):
        made += [*before[done : row.start], *row.new]
        assert after[row.at : row.at + len(row.new)] == [*row.new]
        done = row.end
    assert [*made, *before[done:]] == after


balanced = st.recursive(
    st.sampled_from(["gzip on;", "root /srv;", "index a;", ""]).map(lambda line: [line]),
    lambda inner: st.lists(inner, max_size=4).map(
        lambda blocks: ["location / {", *(line for block in blocks for line in block), "}"]
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(balanced, balanced, st.data())
def test_each_hunk_leaves_all_blocks_closed(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], data: st.DataObject
) -> None:
    """Only where whole hunks do so: what is between two trees is then a tree that can be read."""
    change = between(tmp_path_factory.mktemp("trees"), {"a": "\n".join(old)}, {"a": "\n".join(new)})
    for part in change.parts:
        for finer in part.finer:
            rows = [change.edits[number].lines for number in finer.edits]
            depth = sum(row.depth for row in rows if row is not None)
            whole = sum(row.depth for number in part.edits for row in [change.edits[number].lines] if row is not None)
            assert depth == 0 or whole != 0


def test_ten_thousand_lines_are_split_in_little_time_and_space() -> None:
    old = [f"line {number};".encode() for number in range(10_000)]
    new = [f"other {number};".encode() for number in range(10_000)]
    (hunk,) = hunks(old, new)
    assert len(hunk) == 10_000
    mixed = [line for number in range(1_000) for line in (old[number], b"    }")]
    assert sum(map(len, hunks(mixed, [*new[:1_000], *mixed[::3]]))) > 1_000
