"""The headers that clients get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .directives import Directive

if TYPE_CHECKING:
    from ..model import Site
    from ..parts.routes import Route

__all__ = ["merged", "route_headers", "server_headers"]


def merged(base: Mapping[str, str | None], changes: Mapping[str, str | None]) -> dict[str, str | None]:
    """Lay ``changes`` over ``base``; the names of headers are equal whatever their case."""
    changed = {name.lower() for name in changes}
    return {**{name: value for name, value in base.items() if name.lower() not in changed}, **changes}


def _of_site(site: Site) -> dict[str, str | None]:
    hsts = {"Strict-Transport-Security": site.tls.hsts} if site.tls and site.tls.hsts else {}
    # The port is the one that was asked: each TLS port speaks HTTP/3 as well.
    http3 = {"Alt-Svc": 'h3=":$server_port"; ma=86400'} if site.http3 else {}
    return merged({**hsts, **http3, **site.security_headers}, site.scope.add_headers)


def _rows(headers: Mapping[str, str | None]) -> list[Directive]:
    return [("add_header", name, value, "always") for name, value in headers.items() if value is not None]


def server_headers(site: Site) -> list[Directive]:
    """The headers of the whole site."""
    return _rows(_of_site(site))


def route_headers(site: Site, route: Route) -> list[Directive]:
    """The headers of a route, the site's among them: nginx inherits none where a location adds one."""
    own = route.scope.add_headers
    if not own and route.cache_control is None:
        return []
    rows = _rows(merged(_of_site(site), own))
    if route.cache_control is not None:
        # Not "always": an error must not be cached for as long as the file would be.
        rows.append(("add_header", "Cache-Control", route.cache_control))
    # An empty header is not sent, but it ends the inheritance, which is all that is wanted when none is left.
    return rows or [("add_header", name, "") for name in own]
