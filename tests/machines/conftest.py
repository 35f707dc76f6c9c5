"""Machines for tests: each resumes where the image's had booted, in seconds, and is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.machines.host import Host, Release
from tests.machines.image import get_apparmor_image, get_image, get_upgrading_image
from tests.machines.machine import Image, Machine

# The tools rebuild the whole policy, for more than a minute in an emulator: only stories about them have them.
HIDE_TOOLS = "mv /usr/sbin/semanage /usr/sbin/semanage.away"


@pytest.fixture(scope="session")
def image() -> Image:
    """The image of most machines; where its tools are missing, that fails and says which."""
    return get_image()


@pytest.fixture(scope="session")
def apparmor_image(image: Image) -> Image:
    """The image of machines whose kernel has AppArmor."""
    return get_apparmor_image()


@pytest.fixture(scope="session")
def upgrading_image(image: Image) -> Image:
    """The image of machines that upgrade themselves."""
    return get_upgrading_image()


@pytest.fixture
def resumed() -> Iterator[Callable[[Image], Host]]:
    """Make machines that run, as an image's was."""
    made: list[Machine] = []
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="machine-") as folder:

        def make(image: Image) -> Host:
            machine = Machine(image, Path(folder) / str(len(made)))
            made.append(machine)
            machine.start(resume=True)
            machine.wait()
            return Host(machine)

        yield make
        for machine in made:
            machine.kill()


@pytest.fixture
def new_host(image: Image, resumed: Callable[[Image], Host]) -> Callable[..., Host]:
    """Make machines that run, under SELinux enforcing."""

    def make(*, tools: bool = False) -> Host:
        host = resumed(image)
        host.sh("true" if tools else HIDE_TOOLS)
        assert host.sh("cat /sys/fs/selinux/enforce") == "1", "SELinux is to enforce"
        return host

    return make


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Release]:
    """Make releases."""
    made: list[Release] = []

    def make(body: str, **parts: object) -> Release:
        made.append(Release(tmp_path / f"{len(made)}-{body}", body, **parts))  # type: ignore[arg-type]
        return made[-1]

    return make
