"""The file of a site, prepared for its template."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ...errors import InputError
from ..parts.paths import Path
from . import names
from .directives import Directive, quote
from .headers import server_headers
from .locations import Location, acme_location, locations, scope_rows

if TYPE_CHECKING:
    from ..model import Site
    from ..parts.tls import SiteListen, Tls

__all__ = ["site_view"]

_HTTP2_DIRECTIVE_SINCE = (1, 25, 1)
_HTTP3_SINCE = (1, 25, 0)
# Options of a socket, which nginx takes from one of its servers; and what is not for the redirect of a site.
_OF_THE_SOCKET = ("default_server", "reuseport")


def _quic_rows(site: Site, opens: Collection[str]) -> list[Directive]:
    """The listeners of HTTP/3. Each worker has a socket of its own, or a packet comes to one that knows nothing of it.

    ``opens`` are the sockets of which this site has the options.
    """
    if not site.http3 or site.tls is None:
        return []
    default = ("default_server",) if site.default_server else ()
    rows: list[Directive] = [
        ("listen", item.text, "quic", *(("reuseport",) if item.key in opens else ()), *default)
        for item in site.tls.listen
        if item.port is not None
    ]
    return rows


def _listen_rows(
    site: Site, version: tuple[int, ...], plain: Iterable[SiteListen], secure: Iterable[SiteListen]
) -> list[Directive]:
    default = ("default_server",) if site.default_server else ()
    on_the_line = ("http2",) if site.http2 and version < _HTTP2_DIRECTIVE_SINCE else ()
    rows: list[Directive] = [("listen", item.text, *default) for item in plain]
    tls_rows: list[Directive] = [("listen", item.text, "ssl", *on_the_line, *default) for item in secure]
    if tls_rows and site.http2 and not on_the_line:
        tls_rows.append(("http2", "on"))
    return rows + tls_rows


def _tls_rows(site: Site, tls: Tls) -> list[Directive]:
    rows: list[Directive] = [
        ("ssl_certificate", tls.certificate),
        ("ssl_certificate_key", tls.certificate_key),
        ("ssl_protocols", *tls.protocols),
        ("ssl_ciphers", tls.ciphers),
        ("ssl_prefer_server_ciphers", "off"),
        ("ssl_session_cache", f"shared:{names.tls_zone(site)}:10m"),
        ("ssl_session_timeout", tls.session_timeout),
        ("ssl_session_tickets", "off"),
    ]
    if site.http3:
        # Early data can be replayed, and an address that proves nothing can be somebody else's.
        rows += [("ssl_early_data", "off"), ("quic_retry", "on")]
    if tls.stapling:
        rows += [("ssl_stapling", "on"), ("ssl_stapling_verify", "on")]
    if tls.trusted_certificate:
        rows.append(("ssl_trusted_certificate", tls.trusted_certificate))
    if tls.client_certificate:
        rows.append(("ssl_client_certificate", tls.client_certificate))
        rows.append(("ssl_verify_client", "on" if tls.verify_client == "required" else "optional"))
    return rows


def _origin(site: Site, host: str) -> str:
    """The beginning of the site's URLs, with the port where it is not the scheme's own."""
    listen = site.tls.listen if site.tls else site.listen
    scheme, usual = ("https", 443) if site.tls else ("http", 80)
    port = listen[0].port
    return f"{scheme}://{host}" if port in (None, usual) else f"{scheme}://{host}:{port}"


def _server(groups: Iterable[list[Directive]], **more: object) -> dict[str, object]:
    return {"groups": [group for group in groups if group], "maintenance": "", "lines": (), "locations": [], **more}


def _to_https(site: Site, version: tuple[int, ...]) -> dict[str, object]:
    target = _origin(site, site.server_names[0] if site.canonical_host else "$host")
    head = [*_listen_rows(site, version, site.listen, ()), ("server_name", *site.server_names)]
    return _redirecting(site, [head], f"{target}$request_uri")


def _redirecting(site: Site, groups: list[list[Directive]], target: str) -> dict[str, object]:
    """A server that redirects; where challenges are to be answered, by a location, since they come before it."""
    redirect: list[Directive] = [("return", "301", target)]
    if site.acme is None:
        return _server([*groups, redirect])
    views = [_location_view(acme_location(site.acme)), _location_view(Location(Path("", "/"), redirect))]
    return _server(groups, locations=views)


def _to_canonical(site: Site, listen: list[Directive]) -> dict[str, object]:
    # The default of a port is the site itself, not its redirect.
    head = [tuple(word for word in row if word not in _OF_THE_SOCKET) for row in listen]
    target = _origin(site, site.server_names[0])
    groups = [[*head, ("server_name", *site.server_names[1:])], _tls_rows(site, site.tls) if site.tls else []]
    return _redirecting(site, groups, f"{target}$request_uri")


def _file_rows(site: Site) -> list[Directive]:
    rows: list[Directive] = []
    index = site.scope.index or (("index.php", "index.html") if site.php else ("index.html",))
    if site.scope.root:
        rows += [("root", site.scope.root), ("index", *index)]
    elif site.scope.index:
        rows.append(("index", *site.scope.index))
    # A relative Location is right behind any port mapping or TLS in front.
    rows.append(("absolute_redirect", "off"))
    return rows if site.gzip else [*rows, ("gzip", "off")]


def _error_rows(site: Site) -> list[Directive]:
    rows: list[Directive] = []
    for page in site.error_pages:
        codes = [code for code in page.codes if not (site.maintenance and code == 503)]
        if codes:
            rows.append(("error_page", *map(str, codes), page.page))
    return [*rows, ("error_page", "503", "@maintenance")] if site.maintenance else rows


def _main(site: Site, listen: list[Directive]) -> dict[str, object]:
    served = site.server_names[:1] if site.canonical_host else site.server_names
    return _server(
        [
            [*listen, ("server_name", *served)],
            _file_rows(site),
            _tls_rows(site, site.tls) if site.tls else [],
            scope_rows(site, site.scope),
            server_headers(site),
            _error_rows(site),
            [("rewrite", rewrite.pattern, rewrite.to, rewrite.flag) for rewrite in site.rewrites],
        ],
        maintenance=names.maintenance_variable(site) if site.maintenance else "",
        challenges=site.acme is not None,
        lines=site.lines,
        locations=[_location_view(location) for location in locations(site)],
    )


def _location_view(location: Location) -> dict[str, object]:
    return {
        "path": " ".join(map(quote, location.path.arguments)),
        "rows": location.rows,
        "lines": location.lines,
        "source": location.source,
    }


def _servers(site: Site, version: tuple[int, ...], opens: Collection[str]) -> list[dict[str, object]]:
    redirected = bool(site.tls and site.tls.redirect)
    plain = () if redirected else site.listen
    listen = _listen_rows(site, version, plain, site.tls.listen if site.tls else ())
    listen += _quic_rows(site, opens)
    servers = [_to_https(site, version)] if redirected and site.listen else []
    if site.canonical_host:
        servers.append(_to_canonical(site, listen))
    return [*servers, _main(site, listen)]


def _zone_rows(site: Site) -> list[Directive]:
    rows: list[Directive] = []
    for each in site.limit_req_zones:
        zone_of_requests = f"zone={names.req_zone(site, each.name)}:{each.size}"
        rows.append(("limit_req_zone", each.by, zone_of_requests, f"rate={each.rate}"))
    for zone in site.limit_conn_zones:
        rows.append(("limit_conn_zone", zone.by, f"zone={names.conn_zone(site, zone.name)}:{zone.size}"))
    for cache in site.caches:
        zone_of_cache = names.cache_zone(site, cache.name)
        rows.append(
            (
                "proxy_cache_path",
                cache.path or f"/var/lib/nginx/{zone_of_cache}",
                "levels=1:2",
                f"keys_zone={zone_of_cache}:{cache.size}",
                f"max_size={cache.max_size}",
                f"inactive={cache.inactive}",
                "use_temp_path=off",
            )
        )
    return rows


def _upstream_views(site: Site) -> list[dict[str, object]]:
    views: list[dict[str, object]] = []
    for upstream in site.upstreams:
        name = names.upstream_name(site, upstream.name)
        # Shared memory: workers agree on which server failed and who is least loaded.
        rows: list[Directive] = [("zone", name, "64k")]
        rows += [upstream.balance] if upstream.balance else []
        rows += [("server", server.address, *server.parameters) for server in upstream.servers]
        rows += [("keepalive", str(upstream.keepalive))] if upstream.keepalive else []
        views.append({"name": name, "rows": rows, "lines": upstream.lines, "source": upstream.source})
    return views


def site_view(site: Site, version: tuple[int, ...], opens: Collection[str] = ()) -> dict[str, object]:
    """Return what ``site.conf.j2`` prints: plain values and rows of directives, for an nginx of this version.

    ``opens`` are the sockets of HTTP/3 of which this site has the options: one site of those that share them. Raises
    ``InputError`` where this version has not what the site wants.
    """
    if site.http3 and version < _HTTP3_SINCE:
        found = ".".join(map(str, version))
        raise InputError(
            f"{site.source}.http3",
            f"nginx {found} speaks no HTTP/3; 1.25.0 or newer is needed, as Debian 13 has: drop http3, or upgrade the "
            "hosts and set staging_platform",
        )
    websockets = any(route.proxy and route.proxy.websocket for route in site.routes)
    return {
        "name": site.name,
        "source": site.source,
        "http_lines": site.http_lines,
        "upgrade_variable": names.upgrade_variable(site) if websockets else "",
        "maintenance_variable": names.maintenance_variable(site) if site.maintenance else "",
        "maintenance_allow": [(network, "0") for network in site.maintenance.allow] if site.maintenance else [],
        "zones": _zone_rows(site),
        "upstreams": _upstream_views(site),
        "servers": _servers(site, version, opens),
    }
