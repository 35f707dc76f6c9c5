"""Certificates as servers use them: which stands beside which key, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..config.facts import listeners, server_names
from ..config.parse import Config, Directive
from ..packages import serialization, x509
from .context import Context
from .scopes import scopes

__all__ = ["Served", "certificates_served", "covers", "fits", "names_of"]


class Served(NamedTuple):
    """A certificate that a TLS server shows: ``chain`` begins with its own, ``key`` is PEM, None where not known."""

    certificate: Directive
    key_directive: Directive | None
    chain: list[x509.Certificate]
    key: bytes | None
    names: list[str]


def certificates_served(config: Config, context: Context) -> Iterator[Served]:
    """Yield the certificates that could be read, for each server that speaks TLS."""
    for scope in scopes(config):
        server = scope.block
        if server is None or scope.kind != "server" or scope.outer is None or scope.outer.kind != "http":
            continue
        if not any(each.tls for each in listeners(server)):
            continue
        certificates, keys = scope.effective("ssl_certificate"), scope.effective("ssl_certificate_key")
        for number, certificate in enumerate(certificates):
            chain = _chain(context.certificates.get(certificate.args[0] if certificate.args else ""))
            if chain:
                key = keys[number] if number < len(keys) else None
                content = context.certificates.get(key.args[0]) if key is not None and key.args else None
                yield Served(certificate, key, chain, content, server_names(server))


def _chain(content: bytes | None) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content or b"")
    except ValueError:
        # nginx itself refuses a file that is no certificate, and the gate `syntax` says so.
        return []


def fits(certificate: x509.Certificate, key: bytes) -> bool:
    """Whether a private key belongs to a certificate. One that cannot be read, as with a password, is not judged."""
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):
        return True
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def names_of(certificate: x509.Certificate) -> list[str]:
    """Tell the host names of a certificate; its common name where it has no other."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(each.value).lower() for each in common]
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def covers(names: list[str], host: str) -> bool:
    """Whether one of the names of a certificate is good for a host; a star stands for one label."""
    host = host.lower()
    return host in names or f"*.{host.partition('.')[2]}" in names
