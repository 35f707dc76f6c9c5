"""Addresses to ask from: one in each network that access rules, ``geo`` and trusted proxies name, and one in none."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from ..config.derive import DerivedRequest
from ..config.parse import Directive

__all__ = ["NAMES", "address_in", "fits", "from_networks"]

_RULES = ("allow", "deny")
_TRUSTED = "set_real_ip_from"
_TELLS = "real_ip_header"
# The directives that tell of networks.
NAMES = (*_RULES, _TRUSTED, _TELLS)
# Of the networks that are kept for documents: nobody's rule means them.
_OUTSIDER, _VISITOR = "192.0.2.77", "198.51.100.77"
_MOST = 12


def address_in(network: str) -> str:
    """An address in a network, "" for what is none, or cannot be asked from."""
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return ""
    # Staging asks from this machine's own address anyway, which is in everybody's network.
    if found.prefixlen == 0 or found.is_loopback or found.is_multicast or found.is_unspecified:
        return ""
    return str(found[min(9, found.num_addresses - 1)])


def fits(address: str, request: DerivedRequest) -> bool:
    """Return whether a request can come from an address."""
    return request.proxied or (not request.connect.startswith("unix:") and (":" in address) == (":" in request.connect))


def from_networks(asked: DerivedRequest, blocks: Sequence[Directive]) -> Iterator[DerivedRequest]:
    """Yield a request from each network that is named in ``blocks``, the nearest first: rules there replace outer ones.

    A trusted proxy tells for whom it asks.
    """
    rules = _nearest(blocks, _RULES)
    trusted = _nearest(blocks, (_TRUSTED,))
    places = list(dict.fromkeys(filter(None, (address_in(each.args[0]) for each in rules if each.args))))[:_MOST]
    for place in [*places, *([_OUTSIDER] if places else [])]:
        if fits(place, asked):
            yield asked._replace(source=place)
    named = [each.args[0] for each in _nearest(blocks, (_TELLS,)) if each.args] or ["X-Real-IP"]
    if named[0] == "proxy_protocol":
        return
    for directive in trusted[:_MOST]:
        place = address_in(directive.args[0]) if directive.args else ""
        if place and fits(place, asked):
            yield asked._replace(source=place, headers=(*asked.headers, (named[0], _VISITOR)))


def _nearest(blocks: Sequence[Directive], names: Sequence[str]) -> list[Directive]:
    for block in blocks:
        found = [each for each in block.block or [] if each.name in names]
        if found:
            return found
    return []
