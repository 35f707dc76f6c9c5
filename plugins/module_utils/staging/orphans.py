"""Whose a stage is, and the removal of those whose process was killed."""

from __future__ import annotations

import os

from ..packages import docker

__all__ = ["is_alive", "is_removed", "owner_label", "remove_orphans"]

_OWNER = "sluice.pid"


def owner_label(pid: int | None = None) -> dict[str, str]:
    """The label that says which process a stage belongs to, this one by default, so that what a killed one left is
    known.
    """
    return {_OWNER: str(os.getpid() if pid is None else pid)}


def remove_orphans(client: docker.DockerClient, project: str) -> int:
    """Remove the stages of a project whose process is gone; tells how many containers there were."""
    labels = [f"sluice.project={project}", "sluice.part=stage"]
    rows = client.api.containers(all=True, filters={"label": labels})
    left = [row["Id"] for row in rows if not is_alive(int(row["Labels"].get(_OWNER, "0")))]
    for identity in left:
        try:
            client.api.remove_container(identity, force=True, v=True)
        except docker.errors.APIError as error:
            if not is_removed(error):
                raise
    return len(left)


def is_removed(error: docker.errors.APIError) -> bool:
    """Return whether what was to be removed is gone, or is being removed by somebody else."""
    return error.status_code in (404, 409)


def is_alive(pid: int) -> bool:
    """Return whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process lives
        return True
    return True
