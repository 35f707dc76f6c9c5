"""Images that answer as upstreams: what a user writes in ``staging_images``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..outside import whole_number
from .model import Endpoint, endpoint

__all__ = ["Image", "parse_images"]

_KEYS = ("image", "command", "environment")


@dataclass(frozen=True)
class Image:
    """A container of ``image`` that answers at ``endpoint``; without ``command`` it runs its own."""

    endpoint: Endpoint
    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def beside(self) -> bool:
        """Whether it answers on nginx's own loopback."""
        try:
            return ipaddress.ip_address(self.endpoint.host).is_loopback
        except ValueError:
            return self.endpoint.host == "localhost"


def parse_images(rows: Mapping[str, Any]) -> tuple[Image, ...]:
    """Read ``staging_images``: ``name:port`` of an upstream to an image. Raises ``InputError``."""
    found: list[Image] = []
    for where, row in rows.items():
        variable = f"staging_images.{where}"
        host, _, port = str(where).rpartition(":")
        if not host or not 0 < (whole_number(port) or 0) < 65536:
            raise InputError(variable, "this is no upstream; write name:port as the configuration has it, as app:8001")
        found.append(_image(variable, endpoint(str(where)), row))
    _refuse_clashes(found)
    return tuple(found)


def _image(variable: str, where: Endpoint, row: Any) -> Image:
    given = {"image": row} if isinstance(row, str) else row
    if not isinstance(given, Mapping):
        raise InputError(variable, f"{row!r} is no image; write its name, or a dict with {', '.join(_KEYS)}")
    for key in given:
        if key not in _KEYS:
            raise InputError(f"{variable}.{key}", f"there is no such key; use {', '.join(_KEYS)}")
    name, command, environment = given.get("image"), given.get("command", []), given.get("environment", {})
    if not isinstance(name, str) or not name:
        raise InputError(f"{variable}.image", f"{name!r} is no image; write a name, as registry.example/shop:1.2")
    if not isinstance(command, list):
        raise InputError(f"{variable}.command", f"{command!r} is no command; write a list of words")
    if not isinstance(environment, Mapping):
        raise InputError(f"{variable}.environment", f"{environment!r} is no environment; write NAME: value")
    return Image(
        endpoint=where,
        image=name,
        command=tuple(str(word) for word in command),
        environment={str(key): str(value) for key, value in environment.items()},
    )


def _refuse_clashes(images: list[Image]) -> None:
    """All images beside the stand-ins share one machine, as it were: a port there belongs to one of them."""
    held: dict[tuple[bool, int], Image] = {}
    for image in images:
        other = held.setdefault((image.beside, image.endpoint.port), image)
        if other is not image:
            raise InputError(
                f"staging_images.{image.endpoint.host}:{image.endpoint.port}",
                f"its port is taken by the image for {other.endpoint.host}:{other.endpoint.port}; "
                "images share one network, so give one of the two to staging_services or to a stand-in",
            )
