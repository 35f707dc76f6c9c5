"""The images of the sandbox's hosts: the platform, systemd's trimming, what they run, and the fleet's public key."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from ..errors import SluiceError
from ..packages import docker, requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["ensure_image", "pack_context"]

_LAST_LINES = 15


def pack_context(folders: Mapping[str, Path]) -> bytes:
    """Pack folders as a build context, each under its name. The checkout's owners, times and umask do not count."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, folder in sorted(folders.items()):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    content = path.read_bytes()
                    entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
                    entry.size, entry.mode = len(content), 0o644
                    archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def ensure_image(
    client: docker.DockerClient,
    folders: Mapping[str, Path],
    kind: str,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    say: Callable[[str], None],
) -> str:
    """Find the image of these folders and arguments, or build it, and give its id. ``kind`` is a stage of
    ``image/Dockerfile``: ``web`` or ``monitor``.

    Raises ``SluiceError`` with the last lines of a build that failed.
    """
    context = pack_context(folders)
    digest = hashlib.sha256(context + repr([kind, *sorted(arguments.items())]).encode()).hexdigest()
    marks = {**labels, "sluice.kind": kind}
    tag = f"sluice-sandbox:{digest[:12]}"
    try:
        return str(client.images.get(tag).id)
    except docker.errors.ImageNotFound:
        say(f"building {tag}, the image of the sandbox's {kind} hosts")
    lines: list[str] = []
    try:
        for event in client.api.build(
            fileobj=io.BytesIO(context),
            custom_context=True,
            dockerfile="image/Dockerfile",
            target=kind,
            tag=tag,
            buildargs=dict(arguments),
            labels=marks,
            rm=True,
            forcerm=True,
            decode=True,
        ):
            lines += str(event.get("stream") or event.get("error") or "").splitlines()
            if "error" in event:
                raise SluiceError("\n  ".join([f"building {tag} failed; the last lines were:", *lines[-_LAST_LINES:]]))
    except (docker.errors.APIError, requests.RequestException) as error:
        raise SluiceError(f"building {tag} failed: {error}") from error
    return _only(client, tag, marks)


def _only(client: docker.DockerClient, tag: str, labels: Mapping[str, str]) -> str:
    """Give the image's id, and remove this checkout's earlier ones of its kind that no container uses."""
    image = client.images.get(tag)
    marks = [f"{name}={value}" for name, value in labels.items()]
    for earlier in client.images.list("sluice-sandbox", filters={"label": marks}):
        if earlier.id != image.id:
            with contextlib.suppress(docker.errors.APIError):
                client.images.remove(str(earlier.id))
    return str(image.id)
