"""The way to the Docker engine of the controller, and words for when there is none."""

from __future__ import annotations

import os
import shutil

from ..errors import SluiceError
from ..packages import docker, requests

__all__ = ["connect", "explain", "is_local"]

_SOCKET = "unix:///var/run/docker.sock"
_DAEMONS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def explain(host: str, *, installed: bool, allowed: bool, error: str) -> SluiceError:
    """Return why the engine at ``host`` does not answer, and what to do. ``error`` is the client's own text."""
    if host != _SOCKET:
        return SluiceError(
            f"Docker does not answer at {host} (from DOCKER_HOST): {error}; start that engine, or unset DOCKER_HOST"
        )
    if not allowed:
        return SluiceError(
            "this user may not talk to Docker: /var/run/docker.sock refuses it; "
            "run as root, or join the group with `sudo usermod -aG docker $USER` and log in again"
        )
    if not installed:
        return SluiceError("Docker is not installed: staging needs an engine on this machine; run `make setup`")
    return SluiceError(
        f"Docker is installed and does not answer: {error}; start it with `sudo systemctl start docker` or `make setup`"
    )


def is_local() -> bool:
    """Return whether the engine is reached over a socket of this machine, which one process can hand to another."""
    return (os.environ.get("DOCKER_HOST") or _SOCKET).startswith("unix://")


def connect(timeout: int = 120) -> docker.DockerClient:
    """Open a client to the engine that ``DOCKER_HOST`` names, by default the local socket.

    ``timeout`` bounds each request, in seconds. Raises ``SluiceError`` when no engine answers.
    """
    host = os.environ.get("DOCKER_HOST") or _SOCKET
    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        path = host[len("unix://") :] if host.startswith("unix://") else ""
        raise explain(
            host,
            installed=shutil.which("dockerd", path=_DAEMONS) is not None,
            allowed=not os.path.exists(path) or os.access(path, os.R_OK | os.W_OK),
            error=str(error),
        ) from error
    return client
