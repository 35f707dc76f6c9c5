"""From trial to trial only what differs is written, here and in the container, and what is there is the mixed tree."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.change import (
    ChangedEntry,
    TreeChange,
    read_change,
    read_files,
)
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.trial_folder import MIXED, TrialFolder
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import trial_tree
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Live

OLD = {"nginx.conf": "a 1;\nsame;\nb 1;\n", "gone.conf": "x;\n", "enabled/site": "→../gone.conf", "place": "a file"}
NEW = {
    "nginx.conf": "a 2;\nsame;\nb 2;\n",
    "new/deep.conf": "y;\n",
    "enabled/site": "→../new",
    "place/inside": "now a folder",
}


class Container:
    """Does in a folder what the agent does in its container."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: list[list[str]] = []

    def mix(self, name: str, base: str, files: Sequence[tuple[str, str, bytes]], **_: bool) -> None:
        rows = [[path, kind, base64.b64encode(data).decode()] for path, kind, data in files]
        self.written.append([path for path, _, _ in files])
        plan: dict[str, Any] = {}
        tree, based = str(self._folder / name), str(self._folder / base)
        trial_tree.mix(plan, [{"tree": tree, "base": based, "files": rows, "become": False}])
        assert plan == {}


@pytest.fixture
def change(tmp_path: Path) -> TreeChange:
    for name, texts in (("live/tree", OLD), ("new", NEW)):
        for path, text in texts.items():
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("→"):
                place.symlink_to(text[1:])
            else:
                place.write_text(text, encoding="utf-8")
    return read_change(tmp_path / "live/tree", tmp_path / "new")


def test_each_trial_finds_its_own_tree(tmp_path: Path, change: TreeChange) -> None:
    # As in the container, where releases lie side by side.
    live = Live(Release("live/tree", tmp_path / "live"), Config(), ())
    container = Container(tmp_path)
    place = TrialFolder(tmp_path / "here", live, change, cast(Stage, container))
    parts = [part.edits for part in change.parts]
    for edits in (frozenset[int](), *parts, change.all, parts[0], frozenset[int](), change.all - parts[-1]):
        wanted: dict[str, ChangedEntry | None] = {**change.old, **change.mixed(edits)}
        expected = {path: node for path, node in wanted.items() if node is not None}
        assert read_files(place.release(edits).tree) == expected
        place.lay(edits)
        assert read_files(tmp_path / MIXED) == expected
    assert container.written[0] == []
