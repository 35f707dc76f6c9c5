"""Certificates as servers use them: which key belongs to which, and what is in them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from ..config.facts import listeners, server_names
from ..config.parse import Config, Directive
from ..packages import exceptions, serialization, x509
from .context import LintContext
from .scopes import scopes

__all__ = ["ServedCertificate", "certificates_served", "covers", "fits", "names_of"]


@functools.cache
def _unreadable() -> tuple[type[Exception], ...]:
    """Return what the library raises for bytes that are no certificate or key, or one that it does not know."""
    unknown = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
    return (ValueError, TypeError, exceptions.UnsupportedAlgorithm, *unknown)


def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(*_form())


def _form() -> tuple[serialization.Encoding, serialization.PublicFormat]:
    return serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo


class ServedCertificate(NamedTuple):
    """A certificate that a TLS server shows: ``chain`` begins with its own, ``key`` is PEM, None where not known."""

    certificate: Directive
    key_directive: Directive | None
    chain: list[x509.Certificate]
    key: bytes | None
    names: list[str]


def certificates_served(config: Config, context: LintContext) -> Iterator[ServedCertificate]:
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
                yield ServedCertificate(certificate, key, chain, content, server_names(server))


def _chain(content: bytes | None) -> list[x509.Certificate]:
    """Return what can be read whole; nothing where a part cannot: what is read of a part proves nothing."""
    try:
        chain = x509.load_pem_x509_certificates(content or b"")
        for certificate in chain:
            names_of(certificate)
            _ = certificate.version, certificate.not_valid_before_utc, certificate.not_valid_after_utc
            _encoded(certificate)
    except _unreadable():
        # nginx itself refuses a file that is no certificate, and the gate `syntax` says so.
        return []
    return chain


def fits(certificate: x509.Certificate, key: bytes) -> bool:
    """Return whether a private key belongs to a certificate; true for one that cannot be read, as with a password."""
    try:
        private = serialization.load_pem_private_key(key, None)
        public = private.public_key().public_bytes(*_form())
    except _unreadable():
        return True
    return public == _encoded(certificate)


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names of a certificate; its common name where it has no other."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(each.value).lower() for each in common]
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def covers(names: list[str], host: str) -> bool:
    """Return whether one of the names of a certificate covers a host; a star stands for one label."""
    host = host.lower()
    return host in names or f"*.{host.partition('.')[2]}" in names
