"""What is said when Docker does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect, explain

SOCKET = "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("host", "installed", "allowed", "words"),
    [
        (SOCKET, False, True, ["Docker is not installed", "run `make setup`"]),
        (SOCKET, True, True, ["is installed and does not answer: refused", "sudo systemctl start docker"]),
        (SOCKET, True, False, ["this user may not talk to Docker", "usermod -aG docker"]),
        (SOCKET, False, False, ["this user may not talk to Docker"]),
        ("tcp://192.0.2.1:2375", True, True, ["does not answer at tcp://192.0.2.1:2375 (from DOCKER_HOST): refused"]),
    ],
)
def test_each_case_says_what_to_do(host: str, installed: bool, allowed: bool, words: list[str]) -> None:
    sentence = str(explain(host, installed=installed, allowed=allowed, error="refused"))
    for each in words:
        assert each in sentence


def test_an_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/missing.sock")
    with pytest.raises(SluiceError, match=r"does not answer at unix://.*/missing\.sock \(from DOCKER_HOST\)"):
        connect()
