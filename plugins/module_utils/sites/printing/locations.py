"""The locations of a site, as directives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..parts.acme import CHALLENGES
from ..parts.paths import Path
from . import names
from .directives import Directive
from .headers import merged, route_headers, server_headers

if TYPE_CHECKING:
    from ..model import Site
    from ..parts.acme import Acme
    from ..parts.errors import ErrorPage, Maintenance
    from ..parts.php import Php
    from ..parts.proxying import CacheUse, Proxy
    from ..parts.routes import Route
    from ..parts.scope import SiteScope

__all__ = ["Location", "acme_location", "locations", "scope_rows"]

_ROOT = Path("", "/")
_PROXY_HEADERS: dict[str, str | None] = {
    "Host": "$host",
    "X-Real-IP": "$remote_addr",
    "X-Forwarded-For": "$proxy_add_x_forwarded_for",
    "X-Forwarded-Host": "$host",
    "X-Forwarded-Port": "$server_port",
    "X-Forwarded-Proto": "$scheme",
}
_STALE = ("error", "timeout", "updating", "http_500", "http_502", "http_503", "http_504")
_WEBSOCKET_IDLE = "1h"


@dataclass(frozen=True)
class Location:
    """One location: its path, its directives, and raw lines behind them. ``source`` is what the user wrote it as."""

    path: Path
    rows: list[Directive]
    lines: tuple[str, ...] = ()
    source: str = ""


def scope_rows(site: Site, scope: SiteScope) -> list[Directive]:
    """The directives of the keys that a site and a route have in common, but for root, index and headers."""
    rows: list[Directive] = []
    if scope.client_max_body_size:
        rows.append(("client_max_body_size", scope.client_max_body_size))
    if scope.access_log is not None:
        rows.append(("access_log", str(scope.access_log) if scope.access_log else "off"))
    if scope.auth_basic is not None:
        rows.append(("auth_basic", str(scope.auth_basic) if scope.auth_basic else "off"))
    if scope.auth_basic_user_file:
        rows.append(("auth_basic_user_file", scope.auth_basic_user_file))
    rows += [("deny", network) for network in scope.deny if network != "all"]
    rows += [("allow", network) for network in scope.allow]
    if "all" not in scope.allow and (scope.allow or "all" in scope.deny):
        rows.append(("deny", "all"))
    if scope.limit_req:
        limit = scope.limit_req
        burst = () if limit.burst is None else (f"burst={limit.burst}",)
        delay = ("nodelay",) if limit.nodelay else () if limit.delay is None else (f"delay={limit.delay}",)
        rows.append(("limit_req", f"zone={names.req_zone(site, limit.zone)}", *burst, *delay))
        rows.append(("limit_req_status", str(limit.status)))
    if scope.limit_conn:
        rows.append(("limit_conn", names.conn_zone(site, scope.limit_conn.zone), str(scope.limit_conn.connections)))
        rows.append(("limit_conn_status", str(scope.limit_conn.status)))
    return rows


def _cache_rows(site: Site, cache: CacheUse) -> list[Directive]:
    rows: list[Directive] = [("proxy_cache", names.cache_zone(site, cache.zone)), ("proxy_cache_lock", "on")]
    if cache.by:
        rows.append(("proxy_cache_key", cache.by))
    rows += [("proxy_cache_valid", *((status,) if status else ()), time) for status, time in cache.valid]
    if cache.bypass:
        rows += [("proxy_cache_bypass", *cache.bypass), ("proxy_no_cache", *cache.bypass)]
    if cache.stale:
        rows += [("proxy_cache_use_stale", *_STALE), ("proxy_cache_background_update", "on")]
    return rows


def _retry_rows(proxy: Proxy) -> list[Directive]:
    if proxy.retries is None:
        return []
    rows: list[Directive] = [("proxy_next_upstream", *(proxy.retries.when or ("off",)))]
    if proxy.retries.tries is not None:
        rows.append(("proxy_next_upstream_tries", str(proxy.retries.tries)))
    if proxy.retries.timeout:
        rows.append(("proxy_next_upstream_timeout", proxy.retries.timeout))
    return rows


def _proxy_header_rows(site: Site, proxy: Proxy) -> list[Directive]:
    connection: dict[str, str | None] = {"Connection": ""}
    if proxy.websocket:
        connection = {"Upgrade": "$http_upgrade", "Connection": f"${names.upgrade_variable(site)}"}
    headers = merged({**_PROXY_HEADERS, **connection}, proxy.headers)
    # nginx passes on what a client sent under a name that is not set, so an unwanted header is set to nothing; an
    # unwanted Host is left to nginx, since a request must have one.
    return [
        ("proxy_set_header", name, value or "")
        for name, value in headers.items()
        if value is not None or name.lower() != "host"
    ]


def _proxy_rows(site: Site, proxy: Proxy) -> list[Directive]:
    declared = proxy.target.host in [upstream.name for upstream in site.upstreams]
    host = names.upstream_name(site, proxy.target.host) if declared else proxy.target.host
    ends = ":" if host.startswith("unix:") and proxy.proxy_path else ""
    rows: list[Directive] = [
        ("proxy_pass", f"{proxy.target.scheme}://{host}{ends}{proxy.proxy_path or ''}"),
        ("proxy_http_version", "1.1"),
        *_proxy_header_rows(site, proxy),
    ]
    if proxy.target.scheme == "https":
        rows.append(("proxy_ssl_server_name", "on"))
        if declared:
            # The name of a group means nothing to the servers in it.
            rows.append(("proxy_ssl_name", "$host"))
    idle = {"send": _WEBSOCKET_IDLE, "read": _WEBSOCKET_IDLE} if proxy.websocket else {}
    given = proxy.timeouts.given if proxy.timeouts else {}
    rows += [(f"proxy_{key}_timeout", time) for key, time in {**idle, **given}.items()]
    rows += _retry_rows(proxy)
    if not proxy.buffering:
        rows.append(("proxy_buffering", "off"))
    if proxy.intercept_errors:
        rows.append(("proxy_intercept_errors", "on"))
    return rows + (_cache_rows(site, proxy.cache) if proxy.cache else [])


def _grpc_rows(site: Site, proxy: Proxy) -> list[Directive]:
    declared = proxy.target.host in [upstream.name for upstream in site.upstreams]
    host = names.upstream_name(site, proxy.target.host) if declared else proxy.target.host
    rows: list[Directive] = [("grpc_pass", f"{proxy.target.scheme}://{host}")]
    headers = merged(_PROXY_HEADERS, proxy.headers)
    rows += [
        ("grpc_set_header", name, value or "")
        for name, value in headers.items()
        if value is not None or name.lower() != "host"
    ]
    if proxy.target.scheme == "grpcs":
        rows.append(("grpc_ssl_server_name", "on"))
        if declared:
            rows.append(("grpc_ssl_name", "$host"))
    given = proxy.timeouts.given if proxy.timeouts else {}
    rows += [(f"grpc_{key}_timeout", time) for key, time in given.items()]
    rows += [(name.replace("proxy_", "grpc_", 1), *rest) for name, *rest in _retry_rows(proxy)]
    if proxy.intercept_errors:
        rows.append(("grpc_intercept_errors", "on"))
    return rows


def _php_rows(php: Php, script: str) -> list[Directive]:
    rows: list[Directive] = [
        # Only a script that exists is run: php-fpm would else guess one from the path.
        ("try_files", script, "=404"),
        ("include", "fastcgi_params"),
        ("fastcgi_param", "SCRIPT_FILENAME", "$document_root$fastcgi_script_name"),
        # A client's Proxy header must not become the variable that libraries take for a proxy (httpoxy).
        ("fastcgi_param", "HTTP_PROXY", ""),
        *(("fastcgi_param", name, value) for name, value in php.params.items()),
        ("fastcgi_pass", php.server),
    ]
    return rows + ([("fastcgi_read_timeout", php.timeout)] if php.timeout else [])


def _file_rows(route: Route) -> list[Directive]:
    rows: list[Directive] = []
    if route.scope.root:
        rows.append(("root", route.scope.root))
    if route.alias:
        rows.append(("alias", route.alias))
    if route.scope.index:
        rows.append(("index", *route.scope.index))
    if route.autoindex:
        rows.append(("autoindex", "on"))
    return rows


def _handler_rows(site: Site, route: Route) -> list[Directive]:
    if route.proxy and route.proxy.is_grpc:
        return _grpc_rows(site, route.proxy)
    if route.proxy:
        return _proxy_rows(site, route.proxy)
    if route.php and site.php:
        return _php_rows(site.php, route.php)
    if route.answer:
        answer = route.answer
        body = (answer.body,) if answer.body is not None else ()
        typed: list[Directive] = [("default_type", answer.type)] if body else []
        return [*typed, ("return", str(answer.code), *body)]
    if route.spa:
        return [("try_files", "$uri", route.spa, "=404")]
    return [("try_files", *route.try_files)] if route.try_files else []


def _route(site: Site, route: Route) -> Location:
    rows: list[Directive] = [("internal",)] if route.internal else []
    rows += _file_rows(route)
    rows += scope_rows(site, route.scope)
    if route.expires:
        rows.append(("expires", route.expires))
    rows += route_headers(site, route)
    rows += [("rewrite", rewrite.pattern, rewrite.to, rewrite.flag) for rewrite in route.rewrites]
    return Location(route.path, rows + _handler_rows(site, route), route.lines, route.source)


def _open(site: Site) -> list[Directive]:
    """Let everyone see a page that says why they may not see the site."""
    rows: list[Directive] = []
    if site.scope.auth_basic:
        rows.append(("auth_basic", "off"))
    if site.scope.allow or site.scope.deny:
        rows.append(("allow", "all"))
    return rows


def _error_page(site: Site, page: ErrorPage) -> Location:
    root: list[Directive] = [("root", page.root)] if page.root else []
    return Location(Path("=", page.page), [("internal",), *root, *_open(site)], source=page.source)


def _maintenance(site: Site, maintenance: Maintenance) -> Location:
    rows: list[Directive] = [*_open(site), *server_headers(site)]
    rows.append(("add_header", "Retry-After", str(maintenance.retry_after), "always"))
    if maintenance.page is None:
        rows += [("default_type", "text/plain"), ("return", "503", "Down for maintenance, back soon.")]
    else:
        rows += [("root", maintenance.root)] if maintenance.root else []
        rows.append(("rewrite", "^", maintenance.page, "break"))
    return Location(Path("", "@maintenance"), rows, source=maintenance.source)


def _nothing_said(site: Site, found: list[Location]) -> bool:
    """Return whether nginx would serve the files of its own package for what no location answers."""
    raw = any(re.search(r"(^|[\s;{}])(root\s|include\s|location\s+(\^~\s*)?/\s*\{)", text) for text in site.lines)
    return not site.scope.root and not raw and all(location.path.key != _ROOT.key for location in found)


def acme_location(acme: Acme) -> Location:
    """The location of challenges: whatever else holds for the site, an authority must get its token."""
    rows: list[Directive] = [
        ("root", acme.webroot),
        ("default_type", "text/plain"),
        ("allow", "all"),
        ("auth_basic", "off"),
    ]
    return Location(CHALLENGES, rows, source=acme.source)


def locations(site: Site) -> list[Location]:
    """All locations, in the order in which nginx tries regexes: challenges, redirects, the user's routes, PHP."""
    found = [acme_location(site.acme)] if site.acme else []
    found += [Location(redirect.path, [redirect.directive], source=redirect.source) for redirect in site.redirects]
    found += [_route(site, route) for route in site.routes]
    if site.spa:
        found.append(Location(_ROOT, [("try_files", "$uri", site.spa, "=404")], source=f"{site.source}.spa"))
    if site.php:
        php = f"{site.source}.php"
        if site.php.front_controller:
            fallback = f"{site.php.front_controller}$is_args$args"
            found.append(Location(_ROOT, [("try_files", "$uri", "$uri/", fallback)], source=php))
        found.append(Location(site.php.path, _php_rows(site.php, "$uri"), source=php))
    if _nothing_said(site, found):
        found.append(Location(_ROOT, [("return", "404")]))
    taken = {location.path.key for location in found}
    pages = {page.page: page for page in site.error_pages if not page.page.startswith("@")}
    found += [_error_page(site, page) for page in pages.values() if ("=", page.page) not in taken]
    if site.maintenance:
        found.append(_maintenance(site, site.maintenance))
    return found
