"""Links of a raw tree are data: nothing beyond the tree is read through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import raw_folder, raw_variables, render


def _no_template(text: str, variables: Mapping[str, Any]) -> str:
    raise AssertionError("nothing is rendered")


@pytest.fixture
def render_raw(project: Path, tmp_path: Path, tree: Callable[..., trees.Tree]) -> Callable[[], trees.Tree]:
    def run() -> trees.Tree:
        settings = {"nginx_tree": "files/nginx", "nginx_version": "1.22.1"}
        packaged = tree({"nginx.conf": "events {}"}, "packaged")
        templates = project / "roles/nginx/templates"
        return render(settings, packaged, templates, _no_template, {}, tmp_path / "project").tree

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project/files/nginx"
    folder.mkdir(parents=True)
    (folder / "nginx.conf").write_text("events {}")
    (tmp_path / "secret").write_text("{{ S3CR3T }}")
    return folder


@pytest.mark.parametrize("target", ["../../../secret", "/dev/zero", "/etc/passwd", "nginx.conf", "gone"])
def test_a_template_that_is_a_link_is_refused_and_not_read(
    folder: Path, render_raw: Callable[[], trees.Tree], target: str
) -> None:
    (folder / "x.conf.j2").symlink_to(target)
    assert raw_variables(folder) == set()
    with pytest.raises(InputError, match=r"files/nginx/x\.conf\.j2 is a link, and a template is a file"):
        render_raw()


def test_a_folder_that_is_named_like_a_template_is_a_folder(folder: Path, render_raw: Callable[[], trees.Tree]) -> None:
    (folder / "x.j2").mkdir()
    (folder / "x.j2/a.conf").write_text("a")
    assert raw_variables(folder) == set()
    assert render_raw()["x.j2/a.conf"].data == b"a"


def test_a_tree_that_is_a_link_out_of_the_project_is_refused(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (tmp_path / "home").mkdir()
    (tmp_path / "home/id_ed25519").write_text("S3CR3T")
    (project / "leak").symlink_to(tmp_path / "home")
    (project / "deep").symlink_to("..")
    for wanted in ("leak", "deep/home", str(project / "leak"), "leak/../leak"):
        with pytest.raises(InputError, match="leads out of the project by a link"):
            raw_folder(project, wanted)


def test_a_tree_beside_the_project_may_be_named(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (tmp_path / "home").mkdir()
    (project / "here").symlink_to("files/nginx")
    assert raw_folder(project, "../home").samefile(tmp_path / "home")
    assert raw_folder(project, str(tmp_path / "home")).samefile(tmp_path / "home")
    assert raw_folder(project, "here").samefile(folder)
