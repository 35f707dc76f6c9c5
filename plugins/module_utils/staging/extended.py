"""Images that have more packages than a platform's, made from it when something needs them."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Sequence

from ..errors import SluiceError
from ..packages import docker, requests

__all__ = ["extended_image"]

_LAST_LINES = 3
_LOCK = threading.Lock()
_RECIPE = """\
FROM {image}
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 0755 /usr/sbin/policy-rc.d \\
 && apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {packages} \\
 && rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/*
"""


def extended_image(client: docker.DockerClient, image: str, packages: Sequence[str]) -> str:
    """Return the name of an image that is ``image`` with ``packages``; it is made the first time, in about a minute.

    Raises ``SluiceError`` with the last words of what failed.
    """
    try:
        basis = str(client.images.get(image).id)
    except docker.errors.DockerException as error:
        raise SluiceError(f"Docker has no image {image}: {error}") from error
    told = json.dumps([basis, sorted(packages), _RECIPE])
    tag = f"sluice-extended:{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    # Releases are examined side by side, and want the same one.
    with _LOCK:
        try:
            client.images.get(tag)
        except docker.errors.ImageNotFound:
            _make(client, tag, image, packages)
    return tag


def _make(client: docker.DockerClient, tag: str, image: str, packages: Sequence[str]) -> None:
    recipe = _RECIPE.format(image=image, packages=" ".join(sorted(packages)))
    doing = f"installing {', '.join(sorted(packages))} on {image}"
    lines: list[str] = []
    try:
        stream = client.api.build(
            fileobj=io.BytesIO(recipe.encode()), tag=tag, labels={"sluice": "1"}, rm=True, forcerm=True, decode=True
        )
        for event in stream:
            if "error" in event:
                said = "; ".join(line for line in [*lines[-_LAST_LINES:], str(event["error"])] if line)
                raise SluiceError(f"{doing} failed: {said}")
            lines += str(event.get("stream") or "").strip().splitlines()
    except (docker.errors.APIError, requests.RequestException) as error:
        raise SluiceError(f"{doing} failed: {error}") from error
