"""The zones of a site, by which requests and connections are counted."""

from __future__ import annotations

from dataclasses import dataclass

from ..reading import values
from ..reading.fields import Fields

__all__ = ["CONN_ZONE_KEYS", "REQ_ZONE_KEYS", "Zone", "read_conn_zone", "read_req_zone"]

CONN_ZONE_KEYS = ("name", "key", "size")
REQ_ZONE_KEYS = (*CONN_ZONE_KEYS, "rate")

_ADDRESS = "$binary_remote_addr"


@dataclass(frozen=True)
class Zone:
    """Shared memory that counts by ``key``; only zones for requests have a rate."""

    name: str
    source: str
    key: str = _ADDRESS
    size: str = "10m"
    rate: str | None = None


def _zone(fields: Fields, rate: str | None) -> Zone:
    return Zone(
        name=fields.need("name", values.name),
        source=fields.where,
        key=fields.get("key", values.text, _ADDRESS),
        size=fields.get("size", values.size, "10m"),
        rate=rate,
    )


def read_req_zone(value: object, where: str) -> Zone:
    """Read a zone for ``limit_req``. Raises ``InputError``."""
    fields = Fields(value, where, REQ_ZONE_KEYS)
    return _zone(fields, fields.need("rate", values.rate))


def read_conn_zone(value: object, where: str) -> Zone:
    """Read a zone for ``limit_conn``. Raises ``InputError``."""
    return _zone(Fields(value, where, CONN_ZONE_KEYS), None)
