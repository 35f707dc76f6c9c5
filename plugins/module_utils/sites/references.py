"""Rules that hold across the parts of a site, and across sites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from ..schema import did_you_mean
from .parts.acme import CHALLENGES
from .parts.paths import Path

if TYPE_CHECKING:
    from .model import Site
    from .parts.proxying import Proxy
    from .parts.scope import SiteScope

__all__ = ["check_site", "check_sites"]

# Where authorities ask (RFC 8555, 8.3).
_HTTP = 80


def _once(found: Iterable[tuple[str, str]], what: str) -> None:
    """Refuse a name that comes twice; ``found`` holds (name, path)."""
    seen: dict[str, str] = {}
    for name, where in found:
        if name in seen:
            raise InputError(where, f"'{name}' is {what} at {seen[name]} already; names must differ")
        seen[name] = where


def _declared(name: str, known: Sequence[str], where: str, what: str, key: str) -> None:
    if name not in known:
        hint = did_you_mean(name, known) or f"; declare it under {key}"
        raise InputError(where, f"there is no {what} '{name}'{hint}")


def _check_ports(site: Site) -> None:
    if not site.listen and not site.tls:
        raise InputError(
            f"{site.source}.listen", "the list is empty and there is no tls: the site listens nowhere; add a port"
        )
    _once(((item.key, item.source) for item in (*site.listen, *(site.tls.listen if site.tls else ()))), "listened on")
    _once(((name, f"{site.source}.server_names") for name in site.server_names), "a server name")
    if site.acme and all(item.port != _HTTP for item in site.listen):
        where, ports = site.acme.source, ", ".join(item.text for item in site.listen) or "none"
        raise InputError(where, f"challenges come to port {_HTTP}, and the plain ports are {ports}; add 80 to listen")
    _check_http3(site)
    if site.canonical_host:
        where = f"{site.source}.canonical_host"
        first = site.server_names[0]
        if len(site.server_names) == 1:
            raise InputError(where, "there is one server name only; add those that redirect to it, or drop this key")
        if first == "_" or first.startswith(("~", "*", ".")) or first.endswith("*"):
            raise InputError(
                where, f"'{first}' is not one host; make the name to redirect to the first of server_names"
            )


def _check_http3(site: Site) -> None:
    if not site.http3:
        return
    where = f"{site.source}.http3"
    if site.tls is None:
        raise InputError(where, "HTTP/3 is always encrypted, and the site has no tls; add it, or drop this key")
    if "TLSv1.3" not in site.tls.protocols:
        raise InputError(where, "HTTP/3 is TLS 1.3 only, and tls.protocols has no TLSv1.3; add it, or drop this key")
    if all(item.port is None for item in site.tls.listen):
        raise InputError(where, "HTTP/3 comes over UDP, and the TLS ports are Unix sockets; add a port to tls.listen")


def _check_scope(site: Site, scope: SiteScope, where: str, within: Sequence[SiteScope] = ()) -> None:
    if scope.limit_req:
        known = [zone.name for zone in site.limit_req_zones]
        _declared(scope.limit_req.zone, known, f"{where}.limit_req.zone", "zone", "limit_req_zones of the site")
    if scope.limit_conn:
        known = [zone.name for zone in site.limit_conn_zones]
        _declared(scope.limit_conn.zone, known, f"{where}.limit_conn.zone", "zone", "limit_conn_zones of the site")
    files = scope.auth_basic_user_file or site.scope.auth_basic_user_file
    if isinstance(scope.auth_basic, str) and scope.auth_basic != "off" and not files:
        raise InputError(f"{where}.auth_basic", "there is no file of users; add auth_basic_user_file")
    if scope.auth_basic_user_file and not any(each.auth_basic for each in (scope, site.scope, *within)):
        raise InputError(f"{where}.auth_basic_user_file", "nobody is asked for a password; add auth_basic: REALM")


def _check_proxy(site: Site, proxy: Proxy, where: str) -> None:
    upstreams = [upstream.name for upstream in site.upstreams]
    if not proxy.target.explicit:
        _declared(
            proxy.target.host,
            upstreams,
            f"{where}.proxy",
            "upstream",
            "upstreams of the site, or write http://host:port",
        )
    if proxy.is_grpc and not (site.tls and site.http2):
        lacks = "http2 is false" if site.tls else "the site has no tls"
        raise InputError(f"{where}.proxy", f"gRPC comes over HTTP/2, and {lacks}; add it, or proxy by http://")
    if proxy.cache:
        known = [cache.name for cache in site.caches]
        _declared(proxy.cache.zone, known, f"{where}.cache.zone", "cache", "caches of the site")


def _locations(site: Site) -> Iterable[tuple[Path, str]]:
    if site.acme:
        yield CHALLENGES, site.acme.source
    for redirect in site.redirects:
        yield redirect.path, redirect.source
    for route in site.routes:
        yield route.path, route.source
    if site.spa:
        yield Path("", "/"), f"{site.source}.spa"
    if site.php:
        yield site.php.path, site.php.source
        if site.php.front_controller:
            yield Path("", "/"), f"{site.php.source}.front_controller"


def _check_locations(site: Site) -> None:
    seen: dict[tuple[str, str], str] = {}
    for path, where in _locations(site):
        if path.key in seen:
            raise InputError(where, f"'{path}' is answered by {seen[path.key]} already; one path has one answer")
        seen[path.key] = where


def _check_pages(site: Site) -> None:
    named = [route.path.value for route in site.routes if route.path.named]
    exact = [route.path.value for route in site.routes if route.path.modifier == "="]
    codes = [(str(code), page.source) for page in site.error_pages for code in page.codes]
    _once(codes, "given a page")
    for page in site.error_pages:
        if page.page.startswith("@"):
            _declared(page.page, named, f"{page.source}.page", "route", "routes of the site")
        elif not page.root and not site.scope.root and page.page not in exact:
            raise InputError(f"{page.source}.page", f"'{page.page}' has no directory; add root here or to the site")
    maintenance = site.maintenance
    if maintenance and maintenance.page and not maintenance.root and not site.scope.root:
        raise InputError(
            f"{maintenance.source}.page", f"'{maintenance.page}' has no directory; add root here or to the site"
        )


def check_site(site: Site) -> None:
    """Hold one site to the rules across its parts. Raises ``InputError``."""
    _check_ports(site)
    for kind, what in (
        (site.upstreams, "an upstream"),
        (site.caches, "a cache"),
        (site.limit_req_zones, "a zone"),
        (site.limit_conn_zones, "a zone"),
    ):
        _once(((item.name, f"{item.source}.name") for item in kind), what)
    _check_scope(site, site.scope, site.source, [route.scope for route in site.routes])
    for route in site.routes:
        _check_scope(site, route.scope, route.source)
        if route.proxy:
            _check_proxy(site, route.proxy, route.source)
        if route.php and not site.php:
            raise InputError(f"{route.source}.php", "the site has no php; add php: unix:/run/php/php-fpm.sock to it")
        if (route.spa or route.try_files) and not route.scope.root and not route.alias and not site.scope.root:
            key = "spa" if route.spa else "try_files"
            raise InputError(f"{route.source}.{key}", "there is no directory of files; add root here or to the site")
    for key, value in (("spa", site.spa), ("php", site.php)):
        if value and not site.scope.root:
            raise InputError(f"{site.source}.{key}", "there is no directory of files; add root to the site")
    _check_locations(site)
    _check_pages(site)


def check_sites(sites: Sequence[Site]) -> None:
    """Hold sites to the rules between them. Raises ``InputError``."""
    _once(((site.name, f"{site.source}.name") for site in sites), "the name of the site")
    variables: dict[str, Site] = {}
    answers: dict[tuple[str, str], Site] = {}
    defaults: dict[str, Site] = {}
    sockets: dict[str, tuple[str, Site]] = {}
    for site in sites:
        other = variables.setdefault(site.variable, site)
        if other is not site:
            raise InputError(
                f"{site.source}.name", f"'{site.name}' and '{other.name}' differ by '-' or '.' only; rename one"
            )
        secure = site.tls.listen if site.tls else ()
        for item in (*site.listen, *secure):
            for name in site.server_names:
                other = answers.setdefault((item.key, name), site)
                if other is not site:
                    raise InputError(
                        f"{site.source}.server_names", f"'{name}' on {item.text} is answered by {other.source} already"
                    )
            if site.default_server and defaults.setdefault(item.key, site) is not site:
                raise InputError(
                    f"{site.source}.default_server", f"{defaults[item.key].source} is the one of {item.text} already"
                )
            # nginx keeps these options per socket, not per site: what one site says would count for the other.
            kind = "plain" if item not in secure else "TLS with HTTP/2" if site.http2 else "TLS without HTTP/2"
            known, other = sockets.setdefault(item.key, (kind, site))
            if known != kind:
                raise InputError(
                    item.source, f"{item.text} is {kind} here and {known} in {other.source}; make them equal"
                )
