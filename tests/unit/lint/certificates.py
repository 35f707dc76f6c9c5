"""Certificates for the tests of rules, by the paths that fixtures give them."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

__all__ = ["certificates", "make"]


def make(
    names: list[str], begins: datetime, ends: datetime, key: ec.EllipticCurvePrivateKey, alternatives: bool = True
) -> bytes:
    """Make a self-signed certificate for host names, as PEM; the first is its common name."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(ends)
    if alternatives:
        others = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(others, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def certificates(now: datetime) -> dict[str, bytes]:
    """Make what fixtures name: of shop.example, sound, old, over and too young, and a key that is another's."""
    key, another = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    year, day = timedelta(days=365), timedelta(days=1)
    shop, authority = ["shop.example", "*.shop.example"], ["Some Authority"]
    sound = make(shop, now - day, now + year, key)

    def pem(private: ec.EllipticCurvePrivateKey) -> bytes:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    return {
        "/etc/ssl/shop.pem": sound,
        "/etc/ssl/shop.key": pem(key),
        "/etc/ssl/another.key": pem(another),
        "/etc/ssl/chain.pem": sound + make(authority, now - day, now + 2 * day, another, False),
        "/etc/ssl/wrong-order.pem": make(authority, now - day, now + year, another, False) + sound,
        "/etc/ssl/old.pem": make(shop, now - year, now + 3 * day, key),
        "/etc/ssl/over.pem": make(shop, now - year, now - 2 * day, key),
        "/etc/ssl/young.pem": make(shop, now + day, now + year, key),
        "/etc/ssl/common-name.pem": make(["Shop.example"], now - day, now + year, key, False),
        "/etc/ssl/broken.pem": b"no certificate\n",
        "/etc/ssl/broken.key": b"no key\n",
    }
