"""The build context of the sandbox's image: the same files give the same bytes on any machine."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.image import ensure_image, pack_context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site/inner").mkdir(parents=True)
    (tmp_path / "site/inner/page.html").write_text("hello")
    (tmp_path / "site/app.py").write_text("pass")
    return tmp_path / "site"


def test_modes_times_and_compiled_files_do_not_count(folder: Path) -> None:
    before = pack_context({"sites": folder})
    (folder / "app.py").chmod(0o600)
    (folder / "app.py").touch()
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/app.pyc").write_text("compiled")
    assert pack_context({"sites": folder}) == before


def test_contents_and_names_count(folder: Path) -> None:
    before = pack_context({"sites": folder})
    assert pack_context({"other": folder}) != before
    (folder / "app.py").write_text("import this")
    assert pack_context({"sites": folder}) != before


def test_everything_lies_under_its_folders_name_and_can_be_read_by_anyone(folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack_context({"image": folder, "sites": folder}))) as archive:
        assert archive.getnames() == ["image/app.py", "image/inner/page.html", "sites/app.py", "sites/inner/page.html"]
        assert {entry.mode for entry in archive} == {0o644}


class FakeDocker:
    """A Docker without the image, whose build fails."""

    def __init__(self) -> None:
        self.images = self.api = self

    def get(self, tag: str) -> None:
        raise docker.errors.ImageNotFound(tag)

    def build(self, **_: object) -> list[dict[str, str]]:
        return [{"stream": "Step 1/9"}, {"error": "COPY failed: no such file"}]


def test_a_build_that_fails_shows_its_last_lines(folder: Path) -> None:
    said: list[str] = []
    fake: Any = FakeDocker()
    with pytest.raises(SluiceError, match=r"(?s)building sluice-sandbox:.* failed; .*Step 1/9\n  COPY failed"):
        ensure_image(fake, {"image": folder}, "web", {}, {}, said.append)
    assert len(said) == 1
    assert "the image of the sandbox's web hosts" in said[0]
