"""What an edited line looks like: an address with a digit lost, doubled or swapped is a slip, another one is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.slips import Slips
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree

LINE = "http {{ server {{ listen 80; allow {0}; deny all; }} }}\nevents {{ }}\n"


def config(folder: Path, address: str) -> Config:
    folder.mkdir()
    (folder / "nginx.conf").write_text(LINE.format(address))
    return parse_tree(folder)


@pytest.mark.parametrize(
    ("old", "new", "slip"),
    [
        ("203.0.113.0/24", "203.0.13.0/24", "203.0.13.0 is 203.0.113.0 with a digit lost, doubled or swapped"),
        ("10.12.0.0/16", "10.21.0.0/16", "10.21.0.0 is 10.12.0.0 with a digit lost, doubled or swapped"),
        ("10.0.0.1", "10.0.0.2", ""),
        ("10.0.0.1", "192.168.7.4", ""),
        ("10.0.13.0/24", "10.0.113.1/24", ""),
    ],
)
def test_an_address_that_lost_a_digit_is_a_slip(tmp_path: Path, old: str, new: str, slip: str) -> None:
    live, candidate = config(tmp_path / "live", old), config(tmp_path / "candidate", new)
    (change,) = edits = list(changes(live, candidate))
    assert Slips(live, candidate, edits).slip(change) == slip
