"""Where a configuration sends requests to: upstreams, resolvers, receivers of logs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...contract.url import bracketed
from ...untrusted import whole_number
from ..model import Need
from .scope import Scoped, Scopes
from .variables import possible

__all__ = ["endpoint_needs", "is_address"]


class _Protocol(NamedTuple):
    """How a directive reaches its target: the protocols without and with TLS, and the port where it names none."""

    plain: str
    tls: str
    port: int


_PASSES: Mapping[str, _Protocol] = {
    "proxy_pass": _Protocol("http", "https", 80),
    "grpc_pass": _Protocol("grpc", "grpcs", 80),
    "fastcgi_pass": _Protocol("fastcgi", "fastcgi", 9000),
    "uwsgi_pass": _Protocol("uwsgi", "uwsgis", 3031),
    "scgi_pass": _Protocol("scgi", "scgi", 4000),
    "memcached_pass": _Protocol("memcached", "memcached", 11211),
    "memc_pass": _Protocol("memcached", "memcached", 11211),
    "redis_pass": _Protocol("tcp", "tcp", 6379),
    "redis2_pass": _Protocol("tcp", "tcp", 6379),
    "auth_http": _Protocol("http", "https", 80),
    "ssl_stapling_responder": _Protocol("http", "https", 80),
    "ssl_ocsp_responder": _Protocol("http", "https", 80),
    "on_publish": _Protocol("http", "https", 80),
    "on_play": _Protocol("http", "https", 80),
    "on_connect": _Protocol("http", "https", 80),
    "on_done": _Protocol("http", "https", 80),
    "on_update": _Protocol("http", "https", 80),
    "push": _Protocol("tcp", "tcp", 1935),
    "pull": _Protocol("tcp", "tcp", 1935),
}
_TLS_SCHEMES = ("https", "grpcs", "suwsgi", "rtmps")
_USUAL_PORTS = {"https": 443, "grpcs": 443, "suwsgi": 3031}
_TLS_PROTOCOLS = ("https", "grpcs", "uwsgis", "tcps")
_RTMP_ONLY = ("push", "pull", "on_publish", "on_play", "on_connect", "on_done", "on_update")
_SYSLOG_PORT = 514
_DNS_PORT = 53


class _EndpointTarget(NamedTuple):
    """A target of a directive, taken apart. ``port`` is 0 where none is named."""

    tls: bool
    host: str
    port: int
    socket: str
    scheme: str


def _target(text: str) -> _EndpointTarget | None:
    scheme, separator, rest = ("", "", "") if text.startswith("unix:") else text.partition("://")
    where = rest if separator else text
    scheme = scheme if separator else ""
    tls = scheme in _TLS_SCHEMES
    if where.startswith("unix:"):
        path = where[len("unix:") :].split(":")[0]
        # As unix:///run/app.sock: the system takes several slashes for one.
        return _EndpointTarget(tls, "", 0, f"/{path.lstrip('/')}", scheme)
    where = where.split("/")[0].split("?")[0]
    if not where:
        return None
    if where.startswith("["):
        host, _, tail = where[1:].partition("]")
        port = tail.lstrip(":")
    else:
        host, _, port = where.partition(":")
    number = whole_number(port) if port else 0
    return _EndpointTarget(tls, host, -1 if number is None else number, "", scheme)


def is_address(host: str) -> bool:
    """Return whether a host is named by its address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _needs(
    scoped: Scoped, target: _EndpointTarget, protocol: str, port: int, names: tuple[str, ...] = ()
) -> Iterator[Need]:
    """Return what a target requires; a variable that only a request fills is ``*`` as a host."""
    if target.socket:
        if "$" not in target.socket:
            yield scoped.need("socket", target.socket, protocol)
        return
    host = "*" if "$" in target.host else target.host
    if not host or target.port < 0:
        return
    yield scoped.need("endpoint", f"{bracketed(host)}:{target.port or port}", protocol, names)
    if host != "*" and not is_address(host):
        yield scoped.need("name", host, protocol)


class _Use(NamedTuple):
    """How a group of upstreams is reached, and the names that its members' certificates are asked for."""

    protocol: str
    names: tuple[str, ...]


def _passes(scopes: Scopes) -> Iterator[Need]:
    groups = {(each.context, each.directive.args[0]): each for each in scopes.named("upstream") if each.directive.args}
    used: dict[tuple[str, str], _Use] = {}
    for scoped in scopes.named(*_PASSES):
        at, way = scoped.directive, _PASSES[scoped.directive.name]
        if not at.args or (at.name in _RTMP_ONLY and scoped.context != "rtmp"):
            continue
        for word in possible(at.args[0], scoped, scopes):
            target = _target(word)
            if target is None:
                continue
            plain, port = (_stream_protocol(scoped, scopes), 0) if scoped.context == "stream" else (way.plain, way.port)
            protocol = way.tls if target.tls else plain
            names = _verified(scoped, scopes, target.host) if protocol in _TLS_PROTOCOLS else ()
            group = (scoped.context, target.host)
            if group in groups and target.port == 0:
                before = used.get(group, _Use(protocol, ()))
                used[group] = _Use(before.protocol, (*before.names, *names))
            else:
                yield from _needs(scoped, target, protocol, _USUAL_PORTS.get(target.scheme, port), names)
    for group, block in groups.items():
        # What nothing leads to may be of any protocol.
        use = used.get(group, _Use("tcp" if group[0] == "stream" else "", ()))
        yield from _members(block, scopes, use)


def _verified(scoped: Scoped, scopes: Scopes, host: str) -> tuple[str, ...]:
    """The names for which nginx may ask the certificate of an upstream: what ``proxy_ssl_name`` says, else the host."""
    prefix = scoped.directive.name.removesuffix("_pass")
    told = scopes.value(f"{prefix}_ssl_name", scoped.way, host)
    names = [name for name in possible(told, scoped, scopes) if name and "$" not in name]
    if "$" in told:
        asked = [name for each in scopes.inherited("server_name", scoped.way) for name in each.args]
        names += [name for name in asked if name and name[0] not in "~_" and "$" not in name]
    return tuple(dict.fromkeys(names))


def _members(block: Scoped, scopes: Scopes, use: _Use) -> Iterator[Need]:
    """The servers of a group; nginx's default port there is 80, whatever the group is for."""
    for server in scopes.directly(block.directive, "server"):
        target = _target(server.args[0]) if server.args else None
        if target is not None:
            yield from _needs(Scoped(server, (*block.way, block.directive)), target, use.protocol, 80, use.names)


def _stream_protocol(scoped: Scoped, scopes: Scopes) -> str:
    listens = scopes.inherited("listen", scoped.way)
    if any("udp" in each.args for each in listens):
        return "udp"
    return "tcps" if scopes.value("proxy_ssl", scoped.way, "off") == "on" else "tcp"


def _resolvers(scopes: Scopes) -> Iterator[Need]:
    for scoped in scopes.named("resolver"):
        for word in scoped.directive.args:
            target = _target(word) if "=" not in word else None
            if target is not None:
                yield from _needs(scoped, target, "dns", _DNS_PORT)


def _syslogs(scopes: Scopes) -> Iterator[Need]:
    for scoped in scopes.named("access_log", "error_log"):
        for word in scoped.directive.args[:1]:
            if word.startswith("syslog:"):
                options = dict(each.partition("=")[::2] for each in word[len("syslog:") :].split(","))
                target = _target(options.get("server", ""))
                if target is not None:
                    yield from _needs(scoped, target, "syslog", _SYSLOG_PORT)


def endpoint_needs(scopes: Scopes) -> Iterator[Need]:
    """List endpoints, unix sockets and host names, each with its protocol.

    A host ``*`` stands for every name: a variable that only a request fills. A socket that the release itself listens
    on is no need.
    """
    words = [word for each in scopes.named("listen") for word in each.directive.args[:1]]
    own = {f"/{word.removeprefix('unix:').lstrip('/')}" for word in words if word.startswith("unix:")}
    for part in (_passes, _resolvers, _syslogs):
        for need in part(scopes):
            if need.kind != "socket" or need.value not in own:
                yield need
