"""TLS and the ports of a site."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import InputError
from ..reading import values
from ..reading.fields import Fields, listing, one_of

__all__ = ["TLS_KEYS", "Listen", "Tls", "read_listen", "read_tls"]

TLS_KEYS = (
    "certificate",
    "certificate_key",
    "listen",
    "redirect",
    "hsts",
    "protocols",
    "ciphers",
    "session_timeout",
    "stapling",
    "trusted_certificate",
    "client_certificate",
    "verify_client",
)

_ONE_YEAR = "max-age=31536000"
_CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)


@dataclass(frozen=True)
class Listen:
    """Where a server listens, as it was written."""

    text: str
    source: str

    @property
    def key(self) -> str:
        """Equal for what is the same socket: ``80``, ``*:80`` and ``0.0.0.0:80``."""
        return re.sub(r"^(?:\*:|0\.0\.0\.0:)", "", self.text)

    @property
    def port(self) -> int | None:
        """The TCP port, ``None`` for a Unix socket."""
        return None if self.text.startswith("unix:") else int(self.text.rsplit(":", 1)[-1])


@dataclass(frozen=True)
class Tls:
    """Certificates, ports and profile; the paths are on the host."""

    certificate: str
    certificate_key: str
    source: str
    listen: tuple[Listen, ...]
    redirect: bool = True
    hsts: str | None = None
    protocols: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")
    ciphers: str = _CIPHERS
    session_timeout: str = "1d"
    stapling: bool = False
    trusted_certificate: str | None = None
    client_certificate: str | None = None
    verify_client: str = "required"


def read_listen(value: object, where: str) -> Listen:
    """Read a port or ``address:port``. Raises ``InputError``."""
    found = values.text(value, where)
    values.address(port_needed=True)(re.sub(r"^(\*:)?(?=\d+$)", "0.0.0.0:", found), where)
    return Listen(found, where)


def _hsts(value: object, where: str) -> str | None:
    if isinstance(value, bool):
        return _ONE_YEAR if value else None
    found = values.text(value, where)
    if not found.startswith("max-age="):
        raise InputError(where, f"'{found}' is not the header's value; use true, or max-age=SECONDS; includeSubDomains")
    return found


def read_tls(value: object, where: str) -> Tls:
    """Read the TLS part of a site. Raises ``InputError``."""
    fields = Fields(value, where, TLS_KEYS)
    tls = Tls(
        certificate=fields.need("certificate", values.absolute_path),
        certificate_key=fields.need("certificate_key", values.absolute_path),
        source=where,
        listen=fields.get("listen", listing(read_listen, empty=False), (Listen("443", fields.path("listen")),)),
        redirect=fields.get("redirect", values.flag, True),
        hsts=fields.get("hsts", _hsts, None),
        protocols=fields.get("protocols", listing(one_of("TLSv1.2", "TLSv1.3"), empty=False), ("TLSv1.2", "TLSv1.3")),
        ciphers=fields.get("ciphers", values.text, _CIPHERS),
        session_timeout=fields.get("session_timeout", values.time, "1d"),
        stapling=fields.get("stapling", values.flag, False),
        trusted_certificate=fields.get("trusted_certificate", values.absolute_path, None),
        client_certificate=fields.get("client_certificate", values.absolute_path, None),
        verify_client=fields.get("verify_client", one_of("required", "optional"), "required"),
    )
    if "verify_client" in fields and tls.client_certificate is None:
        raise InputError(fields.path("verify_client"), "there is no CA to verify clients by; add client_certificate")
    return tls
