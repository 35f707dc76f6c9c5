"""What a user wrote as ``nginx_sites``, as typed sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .parts.errors import ErrorPage, Maintenance, read_error_page, read_maintenance
from .parts.limits import Zone, read_conn_zone, read_req_zone
from .parts.php import Php, read_php
from .parts.proxying import Cache, read_cache
from .parts.redirects import Redirect, Rewrite, read_redirect, rewrite_reader
from .parts.routes import Route, read_route
from .parts.scope import SCOPE_KEYS, Scope, read_scope
from .parts.tls import Listen, Tls, read_listen, read_tls
from .parts.upstreams import Upstream, read_upstream
from .reading import values
from .reading.fields import Fields, listing, table
from .references import check_site, check_sites

__all__ = ["SITE_KEYS", "Site", "parse_sites"]

SITE_KEYS = (
    "name",
    "server_names",
    "listen",
    "default_server",
    "canonical_host",
    "tls",
    "http2",
    "spa",
    "php",
    "routes",
    "redirects",
    "rewrites",
    "upstreams",
    "caches",
    "limit_req_zones",
    "limit_conn_zones",
    "security_headers",
    "error_pages",
    "maintenance",
    "gzip",
    "checks",
    "http_lines",
    "lines",
    *SCOPE_KEYS,
)

_SECURITY_HEADERS: Mapping[str, str | None] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


@dataclass(frozen=True)
class Site:
    """One site, validated, its defaults filled in. ``source`` is its path, as ``nginx_sites[0]``."""

    name: str
    source: str
    server_names: tuple[str, ...]
    listen: tuple[Listen, ...]
    default_server: bool
    canonical_host: bool
    tls: Tls | None
    http2: bool
    scope: Scope
    spa: str | None
    php: Php | None
    routes: tuple[Route, ...]
    redirects: tuple[Redirect, ...]
    rewrites: tuple[Rewrite, ...]
    upstreams: tuple[Upstream, ...]
    caches: tuple[Cache, ...]
    limit_req_zones: tuple[Zone, ...]
    limit_conn_zones: tuple[Zone, ...]
    security_headers: dict[str, str | None]
    error_pages: tuple[ErrorPage, ...]
    maintenance: Maintenance | None
    gzip: bool
    checks: object
    """The contract as it was written: checks have a reader of their own."""
    http_lines: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def checks_source(self) -> str:
        """The path of the checks, for messages."""
        return f"{self.source}.checks"

    @property
    def variable(self) -> str:
        """The name as a part of an nginx variable."""
        return self.name.replace("-", "_").replace(".", "_")


def _security_headers(value: object, where: str) -> dict[str, str | None]:
    if isinstance(value, bool):
        return dict(_SECURITY_HEADERS) if value else {}
    changes = table(values.header_name, values.nullable(values.text))(value, where)
    replaced = {name.lower() for name in changes}
    return {**{name: text for name, text in _SECURITY_HEADERS.items() if name.lower() not in replaced}, **changes}


def _as_written(value: object, where: str) -> object:
    return value


def _read_site(value: object, where: str) -> Site:
    fields = Fields(value, where, SITE_KEYS)
    site = Site(
        name=fields.need("name", values.name),
        source=where,
        server_names=fields.need("server_names", listing(values.server_name, empty=False)),
        listen=fields.get("listen", listing(read_listen), (Listen("80", fields.path("listen")),)),
        default_server=fields.get("default_server", values.flag, False),
        canonical_host=fields.get("canonical_host", values.flag, False),
        tls=fields.get("tls", read_tls, None),
        http2=fields.get("http2", values.flag, True),
        scope=read_scope(fields),
        spa=fields.get("spa", values.uri, None),
        php=fields.get("php", read_php, None),
        routes=fields.get("routes", listing(read_route), ()),
        redirects=fields.get("redirects", listing(read_redirect), ()),
        rewrites=fields.get("rewrites", listing(rewrite_reader("last")), ()),
        upstreams=fields.get("upstreams", listing(read_upstream), ()),
        caches=fields.get("caches", listing(read_cache), ()),
        limit_req_zones=fields.get("limit_req_zones", listing(read_req_zone), ()),
        limit_conn_zones=fields.get("limit_conn_zones", listing(read_conn_zone), ()),
        security_headers=fields.get("security_headers", _security_headers, {}),
        error_pages=fields.get("error_pages", listing(read_error_page), ()),
        maintenance=fields.get("maintenance", read_maintenance, None),
        gzip=fields.get("gzip", values.flag, True),
        checks=fields.get("checks", _as_written, []),
        http_lines=fields.get("http_lines", listing(values.lines), ()),
        lines=fields.get("lines", listing(values.lines), ()),
    )
    check_site(site)
    return site


def parse_sites(sites: object, where: str = "nginx_sites") -> list[Site]:
    """Validate ``sites`` and fill in defaults.

    Raises ``InputError``: a value or key that is not known, a reference to what is not declared, two sites that clash.
    """
    found = list(listing(_read_site)(sites, where))
    check_sites(found)
    return found
