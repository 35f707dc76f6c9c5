"""Host names as rules distinguish them: public ones, those of one owner, and the upstreams of a tree."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["is_public", "owner", "owner_of_server_name"]

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Nobody outside resolves these.
_PRIVATE = (
    *("local", "localhost", "localdomain", "internal", "intranet", "lan", "corp", "home", "private", "consul", "svc"),
    *("example", "test", "invalid", "arpa", "docker", "mesh", "cluster"),
)
# What a registry sells names below: ``co.uk``, ``com.au``.
_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "gov", "ac", "edu", "ne", "or", "go"})
_OF_COUNTRY = 2
_AT_END = re.compile(r"((?:[\w-]+\.)+[a-z]{2,})\$?$")


def is_public(host: str) -> bool:
    """Return whether a host is a name with several labels that public DNS may know, and no address."""
    name = host.lower().rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _NAME.fullmatch(name) is not None and not set(name.split(".")[-2:]) & set(_PRIVATE)
    return False


def owner(host: str) -> str:
    """Return the part of a name that somebody registered: ``shop.example`` of ``www.shop.example``; else ""."""
    labels = host.lower().strip(".").split(".")
    if len(labels) < _OF_COUNTRY:
        return ""
    below = len(labels) > _OF_COUNTRY and len(labels[-1]) == _OF_COUNTRY and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if below else -2 :])


def owner_of_server_name(name: str) -> str:
    r"""Return the owner of a ``server_name``, also of one with a star, or of a regex that ends in a domain."""
    if name.startswith("~"):
        match = _AT_END.search(name.replace("\\.", "."))
        return owner(match[1]) if match else ""
    return "" if name.endswith("*") or name in ("", "_") else owner(name.removeprefix("*").lstrip("."))
