"""Paths that variables name on the controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("files/nginx", "/srv/infrastructure/files/nginx"),
        ("/etc/key", "/etc/key"),
        ("~/key", "/home/ada/key"),
        ("~", "/home/ada"),
        ("files/~", "/srv/infrastructure/files/~"),
    ],
)
def test_a_path_is_relative_to_the_project_or_to_the_user(
    monkeypatch: pytest.MonkeyPatch, written: str, path: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert path_of(Path("/srv/infrastructure"), written) == Path(path)


def test_the_folder_of_nobody_is_refused_in_words() -> None:
    with pytest.raises(SluiceError, match="nobody knows whose folder ~nobody-here is"):
        path_of(Path("/srv"), "~nobody-here/key")
