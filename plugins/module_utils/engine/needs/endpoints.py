"""Names and endpoints that a release needs of the network around this host: resolved, and connected to.

Nothing is sent over a connection, and the time for all of it is bounded.
"""

from __future__ import annotations

import functools
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Sequence, Tuple

from ...closest_match import closest_match, closest_port
from ...untrusted import whole_number
from .network import Target, connect, has_address, in_time, sockaddrs
from .ports import listening

if TYPE_CHECKING:
    from ..protocol import Json
    from ..session import Session
    from .file_checks import Seen

__all__ = ["look_at_network"]

_Found = Dict[Tuple[str, str], "Seen"]

_LOOK_UP_SECONDS = 3.0
_CONNECT_SECONDS = 2.0
# So many are tried, in two rounds of the time above at most; a release with more is no reason to wait for long.
_MOST_TRIED = 400
# Whoever answers these says nothing when somebody connects.
_WITHOUT_CONNECTION = ("dns", "syslog", "udp")
_HOSTS = Path("/etc/hosts")
# What it means, for somebody who has to find out whether machines, names or the firewall are missing.
_MEANING = (
    ("connection refused", "the machine is there, and nothing listens on that port"),
    ("no answer", "a firewall is on the way, or there is no such machine"),
    ("no route to host", "there is no such machine, or no way to it"),
    ("network is unreachable", "this host has no way to that network"),
)


def look_at_network(session: Session, needs: Sequence[Json]) -> _Found:
    """Look at each need of the kinds name and endpoint.

    A name is looked up for three seconds, and a connection waited for two. One whose ``connect`` is false is tried on
    this very host only; what is not tried counts as met where its name is known.
    """
    hosts = {_host_port(need)[0] for need in needs}
    work: dict[str, Callable[[], Any]] = {
        host: functools.partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM) for host in hosts
    }
    found = in_time(work, _LOOK_UP_SECONDS)
    targets = {_key(need): _targets(need, found) for need in needs if need["kind"] == "endpoint"}
    every = sorted({target for each in targets.values() for target in each}, key=repr)
    if len(every) > _MOST_TRIED:
        session.warn(f"{len(every) - _MOST_TRIED} of {len(every)} addresses of upstreams were not tried: too many")
    said = connect(every[:_MOST_TRIED], _CONNECT_SECONDS)
    seen: _Found = {}
    for need in needs:
        host, port = _host_port(need)
        if not isinstance(found.get(host), list):
            seen[_key(need)] = _unresolved(host, port, host in found)
            continue
        tried = [said[target] for target in targets.get(_key(need), []) if target in said]
        met = not tried or "" in tried
        near = "" if met else _near_listener(session, host, port, targets[_key(need)])
        seen[_key(need)] = (met, "" if met else f"{host} port {port}: {_explained(tried[0])}", near)
    return seen


def _targets(need: Json, found: dict[str, Any]) -> Sequence[Target]:
    """Return what is connected to for an endpoint: nothing where its name is not known, or nobody would answer."""
    host, port = _host_port(need)
    if need["purpose"] in _WITHOUT_CONNECTION or not isinstance(found.get(host), list):
        return ()
    every = sockaddrs(found[host], port)
    return every if need.get("connect", True) else [each for each in every if has_address(each.address[0])]


def _key(need: Json) -> tuple[str, str]:
    return need["kind"], need["value"]


def _host_port(need: Json) -> tuple[str, int]:
    if need["kind"] == "name":
        return need["value"], 0
    host, _, port = str(need["value"]).rpartition(":")
    return host.strip("[]"), whole_number(port) or 0


def _explained(words: str) -> str:
    return next((f"{words}: {meaning}" for start, meaning in _MEANING if words.startswith(start)), words)


def _unresolved(host: str, port: int, answered: bool) -> Seen:
    why = "is not known on this host" if answered else f"was not resolved within {_LOOK_UP_SECONDS:g} s"
    what = "its resolver and /etc/hosts have none" if answered else "the resolver does not answer"
    near = closest_match(host, _names())
    return False, f"the name {host} {why}: {what}", f"{near}:{port}" if near and port else near


def _names() -> Sequence[str]:
    try:
        text = _HOSTS.read_text(errors="replace")
    except OSError:
        return []
    return [name for line in text.splitlines() for name in line.partition("#")[0].split()[1:]]


def _near_listener(session: Session, host: str, port: int, targets: Iterable[Target]) -> str:
    """Name a port of this very host that is listened on; of another one nothing is known."""
    if not all(has_address(target.address[0]) for target in targets):
        return ""
    near = closest_port(port, [number for number, protocol in listening(session.system.proc) if protocol == "tcp"])
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{near}" if near else ""
