"""Certificates and keys that a configuration names, with the names for which a client would take them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from ...config.parse import Directive
from ..model import Need
from .scope import Scoped, Scopes, beside_configuration
from .variables import possible

__all__ = ["certificate_needs"]

_CLIENTS = ("proxy_ssl", "grpc_ssl", "uwsgi_ssl")
_SERVER_NAME_VARIABLES = (
    "$ssl_server_name",
    "$server_name",
    "$host",
    "${ssl_server_name}",
    "${server_name}",
    "${host}",
)
_NO_FILE = ("data:", "engine:", "store:")


def _names(scopes: Scopes, server: Directive) -> tuple[str, ...]:
    names = [name for each in scopes.directly(server, "server_name") for name in each.args]
    return tuple(dict.fromkeys(_plain(name) for name in names if _plain(name)))


def _plain(name: str) -> str:
    """A server name as a certificate can have it, or nothing."""
    if name.startswith("~") or name in ("", "_") or name.endswith(".*") or "$" in name:
        return ""
    return name.lower().lstrip(".")


def _paths(word: str, scoped: Scoped, scopes: Scopes, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return which files a word means: with a variable for the name of the server, one for each name."""
    for possibility in possible(word, scoped, scopes):
        if possibility.startswith(_NO_FILE):
            continue
        if "$" not in possibility:
            yield beside_configuration(possibility), names
            continue
        for name in names:
            filled = possibility
            for variable in _SERVER_NAME_VARIABLES:
                filled = filled.replace(variable, name)
            if "$" not in filled and not name.startswith("*"):
                yield beside_configuration(filled), (name,)


def _pair(scopes: Scopes, server: Scoped, prefix: str, names: tuple[str, ...]) -> Iterator[Need]:
    inside = (*server.way, server.directive)
    certificates = scopes.inherited(f"{prefix}_certificate", inside)
    keys = scopes.inherited(f"{prefix}_certificate_key", inside)
    only_rsa = _only_rsa(scopes.value(f"{prefix}_ciphers", inside, ""))
    for certificate, key in zip(certificates, keys, strict=False):
        if not certificate.args or not key.args:
            continue
        at, key_at = Scoped(certificate, inside), Scoped(key, inside)
        of_keys = [path for path, _ in _paths(key.args[0], key_at, scopes, names)]
        for index, (path, about) in enumerate(_paths(certificate.args[0], at, scopes, names)):
            beside = of_keys[min(index, len(of_keys) - 1)] if of_keys else ""
            yield replace(at.need("file", path, "certificate", about, beside), only_rsa=only_rsa)
            if beside:
                yield key_at.need("file", beside, "key", about, path)


@lru_cache
def _only_rsa(ciphers: str) -> bool:
    """Return whether a cipher list has none for an elliptic key, which any other list takes; what OpenSSL refuses
    has all.
    """
    if not ciphers:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return False
    proofs = {cipher["auth"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    return "auth-ecdsa" not in proofs and "auth-rsa" in proofs


def certificate_needs(scopes: Scopes) -> Iterator[Need]:
    """List certificates (with their key ``beside``) and keys (with their certificate), of servers and of clients."""
    for server in scopes.named("server"):
        if server.directive.block is not None and server.context in ("http", "stream", "mail"):
            yield from _pair(scopes, server, "ssl", _names(scopes, server.directive))
    for prefix in _CLIENTS:
        for scoped in scopes.named(f"{prefix}_certificate"):
            holder = Scoped(scoped.way[-1], scoped.way[:-1]) if scoped.way else scoped
            yield from _pair(scopes, holder, prefix, ())
