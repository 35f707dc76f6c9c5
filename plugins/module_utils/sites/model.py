"""What a user wrote as ``nginx_sites``, as typed sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import values
from ..contract.model import CHECK
from ..schema import Given, Model, Reader, inline, key, listing, mapping, reader, table
from .parts.acme import Acme, acme
from .parts.errors import ErrorPage, Maintenance, maintenance
from .parts.limits import RequestZone, Zone
from .parts.php import Php, php
from .parts.proxying import Cache
from .parts.redirects import Redirect, Rewrite
from .parts.routes import Route
from .parts.scope import SiteScope
from .parts.tls import SiteListen, Tls, listener
from .parts.upstreams import UpstreamGroup
from .references import check_site, check_sites

__all__ = ["CHECKS", "Site", "parse_sites"]

_SECURITY_HEADERS: Mapping[str, str | None] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


CHECKS: Reader[object] = Reader(lambda value, where: value, {"type": "list", "elements": "dict"}, CHECK)
"""Checks, which have a reader of their own."""


@reader("raw")
def _security_headers(value: object, where: str) -> dict[str, str | None]:
    if isinstance(value, bool):
        return dict(_SECURITY_HEADERS) if value else {}
    changes = table(values.header_name, values.nullable(values.text))(value, where)
    replaced = {name.lower() for name in changes}
    return {**{name: text for name, text in _SECURITY_HEADERS.items() if name.lower() not in replaced}, **changes}


@dataclass(frozen=True, kw_only=True)
class Site(Model):
    """One site, validated, its defaults filled in. ``source`` is its path, as ``nginx_sites[0]``."""

    name: str = key(
        values.name,
        "Lower-case letters, digits, C(-) and C(.). Names the file, and prefixes the upstreams and zones of the site.",
        required=True,
    )
    server_names: tuple[str, ...] = key(
        listing(values.server_name, empty=False),
        "Host names, C(*.example.org), C(.example.org), C(~regex) or C(_). The first is the canonical one.",
        required=True,
    )
    listen: tuple[SiteListen, ...] = key(
        listing(listener),
        "Ports or C(address:port), as V(8080) or V([::]:80). With C(tls) these redirect to HTTPS.",
        default=[80],
    )
    default_server: bool = key(
        values.flag, "Whether the site answers on its ports for names that no site has.", default=False
    )
    canonical_host: bool = key(values.flag, "Whether the other server names redirect to the first one.", default=False)
    spa: str | None = key(
        values.uri, "The page of a single-page application, as V(/index.html), served for what is no file."
    )
    php: Php | None = key(php, "The address of php-fpm, C(unix:/path) or C(host:port), or a mapping that says more.")
    upstreams: tuple[UpstreamGroup, ...] = key(
        listing(mapping(UpstreamGroup)), "Groups of servers that routes pass requests to.", default=[]
    )
    routes: tuple[Route, ...] = key(
        listing(mapping(Route)),
        "Locations. Each serves files, or has one of C(proxy), C(php) and C(return).",
        default=[],
    )
    redirects: tuple[Redirect, ...] = key(
        listing(mapping(Redirect)), "Answers that send the client elsewhere.", default=[]
    )
    rewrites: tuple[Rewrite, ...] = key(
        listing(mapping(Rewrite)), "Changes of the path inside nginx, before a route is chosen.", default=[]
    )
    tls: Tls | None = key(mapping(Tls), "Certificates and ports for HTTPS.")
    acme: Acme | None = key(
        acme,
        "V(true), or a webroot: challenges by HTTP for the certificates of the site are answered from there on the "
        "plain ports, before any redirect.",
        default=False,
    )
    http2: bool = key(values.flag, "Whether the TLS ports speak HTTP/2.", default=True)
    http3: bool = key(
        values.flag,
        "Whether the TLS ports speak HTTP/3 too, over UDP, and say so by C(Alt-Svc); nginx 1.25.0 or newer is needed.",
        default=False,
    )
    caches: tuple[Cache, ...] = key(listing(mapping(Cache)), "Places on the host for answers of upstreams.", default=[])
    limit_req_zones: tuple[RequestZone, ...] = key(
        listing(mapping(RequestZone)), "What requests are counted by.", default=[]
    )
    limit_conn_zones: tuple[Zone, ...] = key(listing(mapping(Zone)), "What connections are counted by.", default=[])
    security_headers: dict[str, str | None] = key(
        _security_headers, "V(true), or a mapping that changes, adds and (with V(null)) takes away.", default=False
    )
    error_pages: tuple[ErrorPage, ...] = key(listing(mapping(ErrorPage)), "Pages for errors.", default=[])
    maintenance: Maintenance | None = key(
        maintenance, "V(true) answers 503 to everyone; or a mapping that says more.", default=False
    )
    gzip: bool = key(values.flag, "V(false) turns compression off for this site.", default=True)
    checks: object = key(CHECKS, "The contract of the site: requests and what must come back.", default=[])
    http_lines: tuple[str, ...] = key(listing(values.lines), "Raw lines above the site's server.", default=[])
    lines: tuple[str, ...] = key(listing(values.lines), "Raw lines in the site's server.", default=[])
    scope: SiteScope = inline(SiteScope)

    def check(self, given: Given) -> None:
        """Hold the site to the rules across its parts."""
        check_site(self)

    @property
    def checks_source(self) -> str:
        """The path of the checks, for messages."""
        return f"{self.source}.checks"

    @property
    def variable(self) -> str:
        """The name as a part of an nginx variable."""
        return self.name.replace("-", "_").replace(".", "_")


def parse_sites(sites: object, where: str = "nginx_sites") -> list[Site]:
    """Validate ``sites`` and fill in defaults.

    Raises ``InputError``: a value or key that is not known, a reference to what is not declared, two sites that clash.
    """
    found = list(listing(mapping(Site))(sites, where))
    check_sites(found)
    return found
