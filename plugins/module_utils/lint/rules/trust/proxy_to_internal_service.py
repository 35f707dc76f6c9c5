"""A proxy leads visitors to a service that is for the machine alone, or to any host that a visitor names.

The metadata service of a cloud hands out the credentials of the host, and Docker's socket its root account. Reported
are metadata services, link-local addresses, sockets and local ports of services that control the machine, and hosts
that a visitor chooses (``$arg_x``). Variables that ``set``, ``map``, ``geo`` and ``split_clients`` fill are followed.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...variables import expanded

LEVEL = "high"
ACCEPTED_BY_TREE = False

_PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "server")
_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
# Of Alibaba, AWS over IPv6, and Oracle; the others are link-local.
_METADATA = {"100.100.100.200", "fd00:ec2::254", "192.0.0.192", "metadata", "metadata.google.internal"}
_METADATA |= {"metadata.goog", "instance-data", "instance-data.ec2.internal"}
# Docker, etcd, the kubelet and its kin, Envoy, Caddy: whoever may talk to them controls the machine.
_ADMIN_PORTS = {2019, 2375, 2376, 2379, 2380, 9901, 10250, 10255, 10257, 10259}
# A visitor who names the host may name any of these.
_CHOSEN = re.compile(r"(?:\w+://)?\$\{?(?:arg_|cookie_|http_(?!host\b)|args\b|query_string\b)", re.IGNORECASE)
_LOCALHOST = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_SOCKET = re.compile(r"unix:(/[^:]*)")
_ADMIN_SOCKETS = re.compile(
    r"unix:.*(?:docker|containerd|podman|crio|dockershim|libvirt|lxd|incus|dbus|systemd)[^/]*(?:/[^/]+)*\.?sock"
    r"|unix:/(?:var/)?run/(?:systemd|dbus|docker|containerd|podman)\b"
)


def _host_and_port(target: str) -> tuple[str, int]:
    """Split ``http://host:port/path`` or ``host:port``; an odd one is no host."""
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", 0
    try:
        return host, parts.port or 0
    except ValueError:  # a variable, maybe
        return host, 0


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    # As inet_aton reads it: 2852039166 and 0xa9.0xfe.0xa9.0xfe are addresses as well.
    parts = host.split(".")
    try:
        numbers = [int(part, 0) if part[:1] != "0" or part[1:2] in "xX" else int(part, 8) for part in parts]
        *first, last = numbers
        if len(numbers) <= 4 and all(0 <= number < 256 for number in first) and 0 <= last < 256 ** (5 - len(numbers)):
            value = sum(number << 8 * (3 - place) for place, number in enumerate(first)) + last
            return ipaddress.IPv4Address(value)
    except ValueError:
        pass
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # A connection to 0.0.0.0 is one to the machine itself.
    return address.is_loopback or address.is_unspecified


def _is_internal(target: str, context: LintContext) -> bool:
    socket = _SOCKET.search(target)
    if socket and _ADMIN_SOCKETS.search(f"unix:{context.real(socket[1]).lower()}"):
        return True
    target = target.lower()
    host, port = _host_and_port(target)
    if host in _METADATA:
        return True
    address = _address(host)
    if address is None:
        return host in _LOCALHOST and port in _ADMIN_PORTS
    if any(address in network for network in _LINK_LOCAL if network.version == address.version):
        return True
    return str(address) in _METADATA or (_is_local(address) and port in _ADMIN_PORTS)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find such targets of proxies and servers of upstreams."""

    # Thousands of servers have the same few.
    @functools.cache
    def judged(target: str) -> str:
        targets = expanded(config, target)
        if any(map(_CHOSEN.match, targets)):
            return "leads to whatever host a visitor names, internal services included"
        internal = any(_is_internal(each, context) for each in targets)
        return "is a service for this machine alone, and visitors reach it" if internal else ""

    for directive in config.named(*_PASSES):
        if directive.args and directive.block is None and (what := judged(directive.args[0])):
            yield finding(
                directive,
                f"{directive.args[0]} {what}",
                expected="an application's own address",
                fix="remove it, or put a program between that answers only what visitors may ask",
            )
