"""Makes the collection importable as Ansible does, and names the image that containers of tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
# The files that take minutes, longest first: begun last, one would keep one worker busy while the others are idle.
LONGEST = (
    *("test_monitor.py", "test_deploy.py", "test_waves.py", "test_who_may_decide.py", "test_faults.py"),
    *("test_hostile.py", "test_hooks.py", "test_gates.py", "test_culprit.py"),
)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first, each in its own order."""
    places = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return PROJECT
