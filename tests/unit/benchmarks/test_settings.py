"""The table of what settings gain."""

from __future__ import annotations

import configparser
from pathlib import Path

from benchmarks.settings import SETTINGS, in_markdown

_CFG = Path(__file__).resolve().parents[3] / "ansible.cfg"


def test_medians_stub_the_table() -> None:
    found = {"as it is": {"sluice_rollback": [9.0, 1.0, 2.0], "sluice_no_change": [3.0, 1.0]}}
    assert in_markdown(found).splitlines()[2:] == ["| as it is | 2.0 | 2.0 |"]


def test_what_is_measured_differs_from_what_is_set() -> None:
    cfg = configparser.RawConfigParser()
    cfg.read(_CFG)
    assert cfg["defaults"]["forks"] not in {given.get("ANSIBLE_FORKS") for given in SETTINGS.values()}
    assert cfg["ssh_connection"]["pipelining"] == "true"
    assert "ControlPersist" in cfg["ssh_connection"]["ssh_args"]
