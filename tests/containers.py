"""Containers that tests run and remove."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator

__all__ = ["RunContainer", "containers"]

RunContainer = Callable[..., str]
"""Starts a container with what ``docker run`` is given, and returns its id."""


@contextlib.contextmanager
def containers() -> Iterator[RunContainer]:
    """Run containers, which are removed at the end."""
    made: list[str] = []

    def run(*arguments: str) -> str:
        argv = ["docker", "run", "-d", "--label", "sluice=1", *arguments]
        made.append(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip())
        return made[-1]

    try:
        yield run
    finally:
        for container in made:
            subprocess.run(["docker", "rm", "-f", "-v", container], capture_output=True, check=True)
