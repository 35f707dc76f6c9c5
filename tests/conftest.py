"""Makes the collection importable as Ansible does, and names the image that containers of tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
os.environ["ANSIBLE_CONFIG"] = str(PROJECT / "ansible.cfg")

from ansible.plugins.loader import init_plugin_loader  # noqa: E402 - it reads the configuration that is set above

init_plugin_loader()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return PROJECT
