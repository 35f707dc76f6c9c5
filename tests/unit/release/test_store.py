from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import entries_to_json, read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import (
    Release,
    ReleaseStore,
    remove_release,
    write_json,
)
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id

CHECK = {"name": "front", "request": {"method": "GET", "url": "http://a/"}, "source": "nginx_checks[0]", "site": ""}
PLATFORM = {"os": "debian 12", "nginx_version": "1.22.1", "modules": []}


@pytest.fixture
def laid(tree: Callable[..., trees.Tree]) -> trees.Tree:
    return trees.overlay(tree({"nginx.conf": "worker_processes 2;", "conf.d/a.conf": "# a", "ssl": "-> /shared/ssl"}))


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def add(store: ReleaseStore, laid: trees.Tree) -> Release:
    return store.add(laid, [CHECK], ["ssl"], PLATFORM)


def test_a_release_is_named_by_its_manifest_and_described(store: ReleaseStore, laid: trees.Tree) -> None:
    release = add(store, laid)
    described = release.described
    assert release.id == store.identify(laid) == release_id(read_tree(release.tree))
    assert described["manifest"] == entries_to_json(read_tree(release.tree))
    assert described["origins"] == {
        "conf.d/a.conf": "raw/conf.d/a.conf",
        "nginx.conf": "raw/nginx.conf",
        "ssl": "raw/ssl",
    }
    assert described["facts"]["worker_processes"] == "2"
    assert (described["shared"], described["contract"], described["platform"]) == (["ssl"], [CHECK], PLATFORM)
    assert release.bundle == trees.bundle(laid)
    assert store.get(store.identify(laid)) == release


def test_adding_twice_keeps_the_files_and_describes_anew(store: ReleaseStore, laid: trees.Tree) -> None:
    first = add(store, laid)
    made = first.tree.stat().st_ino
    again = store.add(laid, [], ["ssl"], PLATFORM)
    assert (again.tree.stat().st_ino, again.described["contract"]) == (made, [])


def test_many_that_add_the_same_at_once_add_it_once(store: ReleaseStore, laid: trees.Tree) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = set(pool.map(lambda _: add(store, laid), range(32)))
    (release,) = added
    assert store.is_whole(release)
    assert [path.name for path in store.root.iterdir()] == [release.id]


@pytest.mark.parametrize(
    "damage",
    [
        lambda release: (release.tree / "nginx.conf").write_text("changed"),
        lambda release: (release.tree / "nginx.conf").unlink(),
        lambda release: (release.tree / "nginx.conf").chmod(0o600),
        lambda release: (release.tree / "more.conf").touch(),
        lambda release: (release.root / "bundle.tar.gz").unlink(),
        lambda release: shutil.rmtree(release.tree),
        lambda release: (release.root / "release.json").unlink(),
    ],
)
def test_a_damaged_release_is_made_again(
    store: ReleaseStore, laid: trees.Tree, damage: Callable[[Release], object]
) -> None:
    release = add(store, laid)
    damage(release)
    again = add(store, laid)
    assert release_id(read_tree(again.tree)) == again.id == release.id
    assert (again.bundle, again.described["id"]) == (trees.bundle(laid), release.id)
    assert [path.name for path in store.root.iterdir()] == [release.id]


def test_a_tree_without_configuration_can_be_stored_and_told_from_others(store: ReleaseStore) -> None:
    assert store.add({}, [], [], PLATFORM).described["manifest"] == []


def test_a_release_that_is_not_there_is_told_in_words(store: ReleaseStore) -> None:
    with pytest.raises(SluiceError, match=r"release 000000000000 is not in .*; run the gates again, which make it"):
        store.get(read_release_id("0" * 64))


@pytest.mark.parametrize("wanted", ["no such release", "", "..", "../releases", "*", None])
def test_what_is_no_id_is_not_looked_for(store: ReleaseStore, wanted: Any) -> None:
    with pytest.raises(SluiceError, match="is no release id; expected 64 hexadecimal digits"):
        store.get(wanted)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "[" * 200_000, '{"manifest": {}}', '{"facts": []}', '{"id": 5}', '{"origins": null}'],
    ids=range(9),
)
def test_a_damaged_description_is_a_sentence(store: ReleaseStore, laid: trees.Tree, text: str) -> None:
    release = add(store, laid)
    (release.root / "release.json").write_text(text)
    with pytest.raises(SluiceError, match=r"release\.json (cannot be read|is damaged).*; run the gates again"):
        _ = release.described


def test_nothing_is_removed_that_is_not_below_the_store(store: ReleaseStore, laid: trees.Tree, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    store.root.mkdir()
    (store.root / store.identify(laid)).symlink_to(elsewhere)
    with pytest.raises(SluiceError, match=r"leads out of .*, so it is not removed"):
        add(store, laid)
    for folder in (store.root, store.root / "..", store.root / "../elsewhere"):
        with pytest.raises(SluiceError, match="leads out of"):
            remove_release(folder, store.root)
    assert (elsewhere / "precious").is_file()


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep/value.json"
    write_json(path, {"words": "ü"})
    with pytest.raises(TypeError):
        write_json(path, {"words": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"words": "ü"}


def test_a_reader_never_sees_half_of_a_json_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, [0] * 10_000)

    def write(value: int) -> None:
        for _ in range(20):
            write_json(path, [value] * 10_000)

    writers = [threading.Thread(target=write, args=(value,)) for value in range(3)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        assert len(set(json.loads(path.read_text(encoding="utf-8")))) == 1
        seen += 1
    assert seen
    assert [each.name for each in tmp_path.iterdir()] == ["value.json"]
