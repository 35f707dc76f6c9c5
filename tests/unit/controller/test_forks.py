"""What tasks share is imported before they are forked, and comes from Python's cache of compiled modules."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.utils.collection_loader import _collection_finder

from ansible_collections.sluice.nginx.plugins.callback import forks
from ansible_collections.sluice.nginx.plugins.plugin_utils.bytecode import use_bytecode

OURS = "ansible_collections.sluice.nginx.plugins.some"


@pytest.mark.parametrize("name", forks._SHARED)
def test_what_tasks_share_is_there(name: str) -> None:
    # A name that is wrong would be passed over in silence.
    importlib.import_module(f"{forks._PLUGINS}.{name}")


class Loader:
    """Compiles, as Ansible's loader does, and counts how often."""

    def __init__(self, path: Path | None) -> None:
        self._source_code_path, self.compiled = path and str(path), 0

    def get_code(self, fullname: str) -> Any:
        self.compiled += 1
        if self._source_code_path is None:
            return None
        return compile(Path(self._source_code_path).read_text(encoding="utf-8"), self._source_code_path, "exec")


@pytest.fixture
def cached() -> type[Loader]:
    class Cached(Loader):
        pass

    use_bytecode(Cached)
    return Cached


def value(code: Any) -> Any:
    space: dict[str, Any] = {}
    exec(code, space)
    return space["value"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "some.py"
    path.write_text("value = 1\n", encoding="utf-8")
    return path


class TestBytecode:
    def test_a_module_of_the_collection_is_not_compiled_by_ansible(self, cached: type[Loader], source: Path) -> None:
        loader = cached(source)
        assert value(loader.get_code(OURS)) == 1
        assert not loader.compiled

    def test_compiled_modules_are_kept(
        self, cached: type[Loader], source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.dont_write_bytecode", False)
        cached(source).get_code(OURS)
        kept = list(source.parent.rglob("*.pyc"))
        assert [path.name.partition(".")[0] for path in kept] == ["some"]

    def test_a_module_that_was_edited_is_compiled_again(
        self, cached: type[Loader], source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.dont_write_bytecode", False)
        cached(source).get_code(OURS)
        source.write_text("value = 2\n", encoding="utf-8")
        os.utime(source, (1, 1))
        assert value(cached(source).get_code(OURS)) == 2

    def test_other_collections_are_compiled_by_ansible(self, cached: type[Loader], source: Path) -> None:
        loader = cached(source)
        assert value(loader.get_code("ansible_collections.community.general.plugins.some")) == 1
        assert loader.compiled == 1

    def test_a_package_without_a_file_is_left_to_ansible(self, cached: type[Loader], tmp_path: Path) -> None:
        loader = cached(tmp_path / "none/__init__.py")
        with pytest.raises(FileNotFoundError):
            loader.get_code(OURS)
        assert loader.compiled == 1
        assert cached(None).get_code(OURS) is None

    def test_using_it_twice_is_using_it_once(self, cached: type[Loader]) -> None:
        before = cached.get_code
        use_bytecode(cached)
        assert cached.get_code is before

    def test_a_class_that_works_otherwise_is_left_as_it_is(self) -> None:
        class Other:
            pass

        use_bytecode(Other)
        assert not hasattr(Other, "get_code")

    def test_ansible_has_the_class_that_it_is_for(self) -> None:
        loader = _collection_finder._AnsibleCollectionPkgLoaderBase
        assert callable(loader.get_code)
        assert "_source_code_path" in loader.__init__.__code__.co_names
