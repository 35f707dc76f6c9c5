"""Certificates: in a tree, as the rules of lint read them, and on a host, as the monitor does."""

from __future__ import annotations

import base64
import contextlib
import functools

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import run_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.certificates import not_after

from ..harness import scratch

_TLS = (
    b"events {} http { server { listen 443 ssl; server_name a.example; ssl_certificate /c; ssl_certificate_key /k; } }"
)


@functools.cache
def _config() -> Config:
    with scratch() as folder:
        (folder / "nginx.conf").write_bytes(_TLS)
        return parse_tree(folder)


def run(data: bytes) -> None:
    """Read a PEM file in all roles."""
    list(run_rules(_config(), LintContext(certificates={"/c": data, "/k": data})))
    with contextlib.suppress(ValueError):
        not_after(data.decode("ascii", "replace"))


@functools.cache
def _made() -> bytes:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=90))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def inputs() -> st.SearchStrategy[bytes]:
    """Draw certificates with bytes that were changed or cut off."""

    def pem(der: bytes) -> bytes:
        return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"

    def changed(at: int, stray: bytes, end: int) -> bytes:
        der = _made()
        return pem((der[: at % len(der)] + stray + der[at % len(der) + len(stray) :])[: end or None])

    return st.one_of(
        st.builds(changed, st.integers(0, 400), st.binary(max_size=4), st.integers(0, 400)),
        st.binary(max_size=120).map(pem),
        st.binary(max_size=80),
    )
