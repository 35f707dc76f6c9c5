"""What a configuration takes of the machine itself: addresses, ports, sockets, users, modules."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ...untrusted import whole_number
from ..model import Need
from .scope import Scoped, Scopes

__all__ = ["listener_needs", "machine_needs"]

_LAST_PORT = 65535
_EVERY = ("*", "0.0.0.0", "::")
# Every address of IPv6, which a host may not have.
_EVERY_IPV6 = "::"


def _split(text: str) -> tuple[str, str]:
    """Take ``address``, ``port``, ``address:port`` or ``[v6]:port`` apart; a part that is not named is empty."""
    if text.startswith("["):
        address, _, tail = text[1:].partition("]")
        return address, tail.lstrip(":")
    address, separator, port = text.rpartition(":")
    if separator:
        return address, port
    return (text, "") if whole_number(text) is None else ("", text)


def _ports(text: str) -> range:
    """The ports of ``80`` or, as in stream, of ``8000-8010``."""
    first, _, last = text.partition("-")
    begin, end = whole_number(first), whole_number(last or first)
    if begin is None or end is None or end > _LAST_PORT:
        return range(0)
    return range(begin, end + 1)


def _listen(scoped: Scoped) -> Iterator[Need]:
    where, *options = scoped.directive.args
    if where.startswith("unix:") or "$" in where:
        return
    address, port = _split(where)
    if address == _EVERY_IPV6:
        yield scoped.need("address", address)
    if address and address not in _EVERY:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            if address != "localhost":
                yield scoped.need("name", address, "listen")
        else:
            if not ip.is_loopback or str(ip) not in ("127.0.0.1", "::1"):
                yield scoped.need("address", str(ip))
    protocol = "udp" if "udp" in options or "quic" in options else "tcp"
    for number in _ports(port or ("80" if scoped.context == "http" else "1935" if scoped.context == "rtmp" else "")):
        yield scoped.need("port", f"{number}/{protocol}")


def listener_needs(scopes: Scopes) -> Iterator[Need]:
    """List the addresses, the ports and the names that servers bind; loopback's usual addresses are everywhere."""
    for scoped in scopes.named("listen"):
        if scoped.directive.args:
            yield from _listen(scoped)
    for scoped in scopes.named("server"):
        of_http = scoped.context == "http" and len(scoped.way) == 1 and scoped.directive.block is not None
        if of_http and not scopes.directly(scoped.directive, "listen"):
            yield scoped.need("port", "80/tcp")
    for scoped in scopes.named("proxy_bind", "fastcgi_bind", "uwsgi_bind", "scgi_bind", "grpc_bind", "memcached_bind"):
        address = _split(scoped.directive.args[0])[0] if scoped.directive.args else ""
        if address and "$" not in address and address not in _EVERY and not address.startswith("127."):
            yield scoped.need("address", address)


def machine_needs(scopes: Scopes) -> Iterator[Need]:
    """List users, groups and dynamic modules."""
    for scoped in scopes.named("user"):
        if not scoped.way and scoped.directive.args:
            user, *group = scoped.directive.args
            yield scoped.need("user", user)
            yield scoped.need("group", group[0] if group else user)
    for scoped in scopes.named("load_module"):
        if scoped.directive.args:
            yield scoped.need("module", scoped.directive.args[0].rpartition("/")[2], scoped.directive.args[0])
