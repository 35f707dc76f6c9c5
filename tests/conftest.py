"""Makes the collection importable as Ansible does, and names the image that containers of tests run on."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.containers import RunContainer, containers

PROJECT = Path(__file__).resolve().parent.parent
# The files that take minutes, longest first: begun last, one would keep one worker busy while the others are idle.
LONGEST = (
    *("test_monitor.py", "test_who_may_decide.py", "test_deploy.py", "test_faults.py", "test_waves.py"),
    "test_foreign_repository.py",
    # In tests/staging the first one makes an image, for which others would wait.
    *(
        "test_from_host.py",
        "test_hostile.py",
        "test_hooks.py",
        "test_nginx_words.py",
        "test_gates.py",
        "test_culprit.py",
    ),
    *("test_ci.py", "test_pull.py", "test_pull_fleet.py", "test_engine.py", "test_host_stories.py"),
    "test_service_managers.py",
)
# In these each case stands for itself: workers share them, by what a case is of.
_SHARED = re.compile(r".*/test_(gates|catch_rate_corpus)\.py::\w+\[\w+")


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


class _Scheduling(LoadFileScheduling):
    """A file stays with one worker, but for the files whose cases are shared."""

    def _split_scope(self, nodeid: str) -> str:
        shared = _SHARED.match(nodeid)
        return shared[0] if shared else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Return what gives tests to workers with ``--dist loadfile``."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first, each in its own order."""
    places = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector go neither over tests that are being collected nor, from then on, over those that are:
    thousands of them stay to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return PROJECT


@pytest.fixture
def run_container() -> Iterator[RunContainer]:
    """Start containers, which are removed after the test."""
    with containers() as run:
        yield run
