"""When the judge is made of an image with packages beside those of the platform."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.judge_packages import judge_packages

QUIC: dict[str, Any] = {"facts": {"quic": True}}
ASKED: dict[str, Any] = {"contract": [{"protocol": "h2"}, {"protocol": "h3"}]}
PLAIN: dict[str, Any] = {"facts": {}, "contract": [{"get": "http://a.example/"}]}


@pytest.mark.parametrize(
    ("releases", "version", "packages"),
    [
        ([PLAIN], "1.26.3", ()),
        ([{}], "1.26.3", ()),
        ([PLAIN, QUIC], "1.26.3", ("python3-aioquic",)),
        ([ASKED, PLAIN], "1.26.3", ("python3-aioquic",)),
        ([QUIC], "1.22.1", ()),
        ([QUIC], "1.24.0", ()),
        ([QUIC], "1.25.0", ("python3-aioquic",)),
        ([QUIC], "", ("python3-aioquic",)),
    ],
)
def test_aioquic_is_there_for_who_listens_for_quic_and_can(
    releases: list[dict[str, Any]], version: str, packages: tuple[str, ...]
) -> None:
    assert judge_packages(releases, version) == packages
