"""Names that two sites share in nginx: prefixed by the site, and by kind, so that none can clash.

A name that a user gives holds no ``_``, so the parts cannot be taken for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model import Site

__all__ = [
    "cache_zone",
    "conn_zone",
    "maintenance_variable",
    "req_zone",
    "tls_zone",
    "upgrade_variable",
    "upstream_name",
]


def upstream_name(site: Site, name: str) -> str:
    """Name an upstream and its shared memory."""
    return f"{site.name}_{name}"


def req_zone(site: Site, name: str) -> str:
    """Return the shared memory of ``limit_req``."""
    return f"{site.name}_{name}_requests"


def conn_zone(site: Site, name: str) -> str:
    """Return the shared memory of ``limit_conn``."""
    return f"{site.name}_{name}_connections"


def cache_zone(site: Site, name: str) -> str:
    """Return the shared memory of a cache."""
    return f"{site.name}_{name}_cache"


def tls_zone(site: Site) -> str:
    """Return the shared memory of TLS sessions."""
    return f"{site.name}_tls_sessions"


def upgrade_variable(site: Site) -> str:
    """Return the variable with the ``Connection`` header for websockets, without its ``$``."""
    return f"connection_upgrade_{site.variable}"


def maintenance_variable(site: Site) -> str:
    """Return the variable that is 1 for clients who see the maintenance page, without its ``$``."""
    return f"maintenance_{site.variable}"
