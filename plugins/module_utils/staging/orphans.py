"""Whose a stage is, and the removal of those whose process was killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

__all__ = ["is_alive", "owner_label", "remove_orphans"]

_OWNER = "sluice.pid"


def owner_label(pid: int | None = None) -> dict[str, str]:
    """The label that says which process a stage belongs to, this one by default, so that what a killed one left is
    known.
    """
    return {_OWNER: str(os.getpid() if pid is None else pid)}


def remove_orphans(client: docker.DockerClient, project: str) -> int:
    """Remove the stages of a project whose process is gone; tells how many containers there were."""
    labels: list[str] = [f"sluice.project={project}", "sluice.part=stage"]
    left = [
        each
        for each in client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        if not _owned(each)
    ]
    for container in left:
        container.remove(force=True, v=True)
    return len(left)


def _owned(container: Container) -> bool:
    return is_alive(int(container.labels.get(_OWNER, "0")))


def is_alive(pid: int) -> bool:
    """Return whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process lives
        return True
    return True
