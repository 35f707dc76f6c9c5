"""Images that answer as upstreams: what a user writes in ``staging_images``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import values
from ..errors import InputError
from ..schema import Model, key, keys, listing, table
from ..untrusted import whole_number
from .model import Endpoint, endpoint
from .services import word

__all__ = ["Image", "ImageRow", "parse_images"]


@dataclass(frozen=True, kw_only=True)
class ImageRow(Model):
    """One value of ``staging_images``."""

    image: str = key(
        values.words,
        "Its name, as C(registry.example/shop:1.2).",
        required=True,
        advice="write a name, as registry.example/shop:1.2",
    )
    command: tuple[str, ...] = key(listing(word), "A list of words in place of its own command.", default=[])
    environment: dict[str, str] = key(table(word, word), "Variables of its environment.", default={})


@dataclass(frozen=True)
class Image:
    """A container of ``image`` that answers at ``endpoint``; without ``command`` it runs its own."""

    endpoint: Endpoint
    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def beside(self) -> bool:
        """Return whether it answers on nginx's own loopback."""
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
        if not isinstance(row, (str, Mapping)):
            raise InputError(
                variable, f"{row!r} is no image; write its name, or a dict with {', '.join(keys(ImageRow))}"
            )
        each = ImageRow.read({"image": row} if isinstance(row, str) else row, variable)
        found.append(Image(endpoint(str(where)), each.image, each.command, each.environment))
    _refuse_clashes(found)
    return tuple(found)


def _refuse_clashes(images: list[Image]) -> None:
    """All images beside the stubs share one machine, as it were: a port there belongs to one of them."""
    held: dict[tuple[bool, int], Image] = {}
    for image in images:
        other = held.setdefault((image.beside, image.endpoint.port), image)
        if other is not image:
            raise InputError(
                f"staging_images.{image.endpoint.host}:{image.endpoint.port}",
                f"its port is taken by the image for {other.endpoint.host}:{other.endpoint.port}; "
                "images share one network, so give one of the two to staging_services or to a stub",
            )
