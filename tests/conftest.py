"""Makes the collection importable as Ansible does, and names the image that containers of tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def _load_plugin_loader() -> None:
    """Load Ansible's plugin loader before anything imports from the collection, other conftests included."""
    # It reads its configuration when it is imported.
    os.environ["ANSIBLE_CONFIG"] = str(PROJECT / "ansible.cfg")
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
    import ansible_collections.sluice.nginx as collection

    found = Path(next(iter(collection.__path__))).resolve()
    if found != PROJECT:
        pytest.exit(f"sluice.nginx is imported from {found}; expected this clone, {PROJECT}; run `make setup` here", 4)


_load_plugin_loader()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return PROJECT
