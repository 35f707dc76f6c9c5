from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees

Make = Callable[..., trees.Tree]
Files = Mapping[str, str | None]

FILES: Files = {
    "nginx.conf": "events {}",
    "conf.d/ünï.conf": "# ☃",
    "sites-enabled/shop": "-> ../sites-available/shop",
    "sites-available/shop": "server {}",
    "empty": None,
}


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(
    ("layers", "contents"),
    [
        ([], {}),
        ([{"a": "1"}], {"a": b"1"}),
        ([{"a": "1"}, {"a": "2"}], {"a": b"2"}),
        ([{"a": "1", "b": "1"}, {"b": "2"}, {"c": "3"}], {"a": b"1", "b": b"2", "c": b"3"}),
        ([{"a": "-> x"}, {"a": "file"}], {"a": b"file"}),
        ([{"a": "file"}, {"a": "-> x"}], {"a": b"x"}),
        ([{"a": None}, {"a": None}], {"a": b""}),
        ([{"b/c": "1"}, {"a": "1"}], {"a": b"1", "b": b"", "b/c": b"1"}),
        ([{"b": None}, {"b/c/d": "1"}], {"b": b"", "b/c": b"", "b/c/d": b"1"}),
    ],
)
def test_the_later_layer_wins(tree: Make, layers: list[Files], contents: dict[str, bytes]) -> None:
    laid = trees.overlay(*(tree(layer) for layer in layers))
    assert {path: node.data for path, node in laid.items()} == contents
    assert list(laid) == sorted(laid)


@pytest.mark.parametrize(
    ("below", "above", "words"),
    [
        ({"a": "1"}, {"a": None}, "a is a file in packaged/a and a dir in files/nginx/a"),
        ({"a": None}, {"a": "1"}, "a is a dir in packaged/a and a file in files/nginx/a"),
        ({"a": "-> x"}, {"a": None}, "a is a link in packaged/a and a dir in files/nginx/a"),
        ({"a": "1"}, {"a/b": "1"}, "a is a file in packaged/a and a directory in files/nginx/a/b"),
        ({"a/b": "1"}, {"a": "-> x"}, "a is a link in files/nginx/a and a directory in packaged/a/b"),
    ],
)
def test_a_file_and_a_directory_at_one_path_are_refused(tree: Make, below: Files, above: Files, words: str) -> None:
    with pytest.raises(SluiceError) as refused:
        trees.overlay(tree(below, "packaged"), tree(above, "files/nginx"))
    assert str(refused.value) == f"{words}; a release can have only one of them"


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o600, 0o644), (0o666, 0o644), (0o444, 0o644), (0o700, 0o755), (0o775, 0o755), (0o645, 0o644)]
)
def test_only_the_executable_bit_of_a_mode_counts(mode: int, kept: int) -> None:
    assert trees.file(b"", "x", mode).mode == kept


def test_a_layer_is_read_with_origins_and_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir(mode=0o700)
    (tmp_path / "conf.d/a.conf").write_bytes(b"\xff\x00")
    (tmp_path / "run.sh").touch(0o700)
    (tmp_path / "link").symlink_to("/nowhere")
    (tmp_path / "folder-link").symlink_to("conf.d")
    assert trees.read_layer(tmp_path, "files/nginx") == {
        "conf.d": trees.Node("dir", 0o755, b"", "files/nginx/conf.d"),
        "conf.d/a.conf": trees.Node("file", 0o644, b"\xff\x00", "files/nginx/conf.d/a.conf"),
        "run.sh": trees.Node("file", 0o755, b"", "files/nginx/run.sh"),
        "link": trees.Node("link", 0o777, b"/nowhere", "files/nginx/link"),
        "folder-link": trees.Node("link", 0o777, b"conf.d", "files/nginx/folder-link"),
    }


def test_a_socket_or_pipe_is_refused_in_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SluiceError, match="pipe is neither a file, a directory nor a link; remove it from the tree"):
        trees.read_layer(tmp_path, "raw")


@pytest.mark.parametrize("link", [False, True])
def test_a_name_that_is_not_utf_8_is_refused_in_words(tmp_path: Path, link: bool) -> None:
    name = os.fsdecode(b"caf\xe9")
    if link:
        (tmp_path / "link").symlink_to(name)
    else:
        (tmp_path / name).touch()
    with pytest.raises(SluiceError, match=r" b'caf\\xe9' is not UTF-8; rename it, or remove it"):
        trees.read_layer(tmp_path, "raw")


@pytest.mark.parametrize("odd", ["a\nb", "\x1b[2J", "x\r", "\u202etxt", "no\u00a0break", "zero\u200bwidth", "\x7f"])
def test_a_name_that_nobody_can_read_is_refused_with_its_escapes(tmp_path: Path, odd: str) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / f"{odd}.conf").touch()
    with pytest.raises(SluiceError, match=r"^the name '[ -~]+\.conf' has characters that nobody sees"):
        trees.read_layer(tmp_path / "file", "raw")
    (tmp_path / "link").mkdir()
    (tmp_path / "link/shop").symlink_to(odd)
    with pytest.raises(SluiceError, match=r"^where the link 'shop' leads to, '[ -~]+' has characters that nobody sees"):
        trees.read_layer(tmp_path / "link", "raw")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_is_written_has_the_manifest_of_the_tree_under_any_umask(
    tree: Make, tmp_path: Path, umask: Callable[[int], int], mask: int
) -> None:
    laid = trees.overlay(tree(FILES), {"run.sh": trees.file(b"", "x", 0o755)})
    umask(mask)
    trees.write(laid, tmp_path / "tree")
    assert read_tree(tmp_path / "tree") == trees.manifest(laid)


def test_a_bundle_holds_the_tree(tree: Make, tmp_path: Path) -> None:
    laid = trees.overlay(tree(FILES))
    with tarfile.open(fileobj=io.BytesIO(trees.bundle(laid))) as archive:
        archive.extraction_filter = lambda member, path: member  # Python 3.11.2 has no argument for it
        archive.extractall(tmp_path / "tree")
        owners = {(entry.uid, entry.gid, entry.mtime) for entry in archive.getmembers()}
    assert read_tree(tmp_path / "tree") == trees.manifest(laid)
    assert owners == {(0, 0, 0)}


_PRINT_ID = """
import hashlib, os, sys
os.umask(int(sys.argv[2], 8))
from pathlib import Path
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
laid = trees.overlay(trees.read_layer(Path(sys.argv[1]), sys.argv[1]))
trees.write(laid, Path(sys.argv[1] + "-written"))
assert release_id(read_tree(Path(sys.argv[1] + "-written"))) == release_id(trees.manifest(laid))
print(release_id(trees.manifest(laid)), hashlib.sha256(trees.bundle(laid)).hexdigest())
"""


def test_the_same_files_have_the_same_id_and_bundle_anywhere(tree: Make, tmp_path: Path, project: Path) -> None:
    laid = trees.overlay(tree(FILES))
    wanted = f"{release_id(trees.manifest(laid))} {hashlib.sha256(trees.bundle(laid)).hexdigest()}"
    machines = [
        ("one", "0o022", {"LC_ALL": "C", "PYTHONHASHSEED": "1", "TZ": "UTC"}),
        ("another", "0o077", {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}),
    ]
    for name, mask, environment in machines:
        for path, node in reversed(laid.items()) if name == "another" else laid.items():
            where = tmp_path / name / path
            where.parent.mkdir(parents=True, exist_ok=True)
            if node.kind == "dir":
                where.mkdir(exist_ok=True)
            elif node.kind == "link":
                where.symlink_to(node.data.decode())
            else:
                where.write_bytes(node.data)
                where.chmod(0o600)
        done = subprocess.run(
            [sys.executable, "-c", _PRINT_ID, str(tmp_path / name), mask],
            env={"PYTHONPATH": str(project / ".cache/collections"), "PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip(), done.stderr) == (wanted, "")
