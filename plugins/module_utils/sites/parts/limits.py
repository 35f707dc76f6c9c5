"""The zones of a site, by which requests and connections are counted."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...schema import Model, key

__all__ = ["RequestZone", "Zone"]


@dataclass(frozen=True, kw_only=True)
class Zone(Model):
    """Shared memory that counts by a key."""

    name: str = key(values.name, "The name by which C(limit_req) or C(limit_conn) knows it.", required=True)
    by: str = key(values.text, "What is counted apart.", default="$binary_remote_addr", name="key")
    size: str = key(values.size, "Memory for counters.", default="10m")


@dataclass(frozen=True, kw_only=True)
class RequestZone(Zone):
    """A zone for requests."""

    rate: str = key(values.rate, "As V(10r/s) or V(30r/m).", required=True)
