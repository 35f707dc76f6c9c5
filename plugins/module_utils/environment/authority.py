"""Staging's own certificate authority: what production has from a real one is made here, in memory and at once.

``cryptography`` comes with ansible-core. An elliptic key and its certificate take a third of a millisecond, where a run
of the openssl command takes twenty.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from ..packages import ec, hashes, ocsp, rsa, serialization, x509

__all__ = ["Authority"]

_DAYS = 90
# nginx wants a responder's address for stapling, and looks it up at once; nothing answers at this one.
_RESPONDER = "http://198.18.0.2:9/"
_LONGEST_NAME = 64

if TYPE_CHECKING:
    _Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _name(common: str, organisation: str = "") -> x509.Name:
    parts = [(x509.NameOID.ORGANIZATION_NAME, organisation), (x509.NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(kind, text[-_LONGEST_NAME:]) for kind, text in parts if text])


def _general(name: str) -> x509.GeneralName | None:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode() if not name.isascii() else name)
    except (UnicodeError, ValueError):
        return None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: _Key) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class Authority:
    """Signs certificates, revocation lists and stapled answers, with a root that each chain ends in."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        self._ends = self._began + timedelta(days=_DAYS)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root = self._certificate(_name("Staging of Sluice"), self._key, [], root=True)

    @property
    def certificate(self) -> str:
        """The root, as PEM."""
        return _pem(self._root)

    @property
    def key(self) -> str:
        """The root's key, as PEM."""
        return _key_pem(self._key)

    @cached_property
    def _rsa(self) -> rsa.RSAPrivateKey:
        # Making one takes as long as two hundred certificates, so all share it.
        return rsa.generate_private_key(65537, 2048)

    def _certificate(self, subject: x509.Name, key: _Key, names: Sequence[str], *, root: bool) -> x509.Certificate:
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if root else self._root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._began)
            .not_valid_after(self._ends)
            .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not root:
            general = [found for name in names for found in [_general(name)] if found]
            responder = x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(_RESPONDER)
            )
            usages = x509.oid.ExtendedKeyUsageOID
            draft = (
                draft.add_extension(x509.SubjectAlternativeName(general), critical=False)
                .add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
                )
                .add_extension(
                    x509.ExtendedKeyUsage([usages.SERVER_AUTH, usages.CLIENT_AUTH]),
                    critical=False,
                )
            )
        return draft.sign(self._key, hashes.SHA256())

    def issue(self, names: Sequence[str], path: str = "", *, with_rsa: bool = False, key: str = "") -> tuple[str, str]:
        """Make a certificate for host names and addresses: its chain up to the root, and its key, as PEM.

        It gets a new key, or the ``key`` of another one that was made before. Its subject says the ``path`` that it is
        made for, so that one file can be told from another by asking nginx.
        """
        wanted = [name for name in names if _general(name)] or ["localhost"]
        own = self._key_for(key, with_rsa=with_rsa)
        made = self._certificate(_name(wanted[0], path), own, wanted, root=False)
        return _pem(made) + self.certificate, _key_pem(own)

    def _key_for(self, key: str, *, with_rsa: bool) -> _Key:
        if not key:
            return self._rsa if with_rsa else ec.generate_private_key(ec.SECP256R1())
        found = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(found, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise TypeError(f"a key is a {type(found).__name__}; expected one that was made here")
        return found

    def revocations(self) -> str:
        """Make an empty list of revoked certificates, as PEM."""
        draft = x509.CertificateRevocationListBuilder(self._root.subject, self._began, self._ends)
        return draft.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def stapled(self) -> bytes:
        """Make an answer of a responder that says "good", as DER."""
        answer = ocsp.OCSPResponseBuilder().add_response(
            self._root, self._root, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, self._began, self._ends, None, None
        )
        made = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, self._root).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)
