"""TLS and the ports of a site."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ... import values
from ...errors import InputError
from ...schema import Given, Model, key, listing, one_of, reader

__all__ = ["SiteListen", "Tls", "listener"]

_ONE_YEAR = "max-age=31536000"
_PROTOCOLS = ("TLSv1.2", "TLSv1.3")
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
class SiteListen:
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


@reader("raw")
def listener(value: object, where: str) -> SiteListen:
    """Read a port or ``address:port``. Raises ``InputError``."""
    found = values.text(value, where)
    values.address(port_needed=True)(re.sub(r"^(\*:)?(?=\d+$)", "0.0.0.0:", found), where)
    return SiteListen(found, where)


@reader("raw")
def _hsts(value: object, where: str) -> str | None:
    if isinstance(value, bool):
        return _ONE_YEAR if value else None
    found = values.text(value, where)
    if not found.startswith("max-age="):
        raise InputError(where, f"'{found}' is not the header's value; use true, or max-age=SECONDS; includeSubDomains")
    return found


@dataclass(frozen=True, kw_only=True)
class Tls(Model):
    """Certificates, ports and profile."""

    certificate: str = key(values.absolute_path, "The chain of certificates on the host.", required=True)
    certificate_key: str = key(values.absolute_path, "Its key on the host.", required=True)
    listen: tuple[SiteListen, ...] = key(listing(listener, empty=False), "Ports or C(address:port).", default=[443])
    redirect: bool = key(
        values.flag, "Whether the plain ports redirect to HTTPS; else they serve the site too.", default=True
    )
    hsts: str | None = key(
        _hsts, "V(true) tells browsers to use HTTPS for a year; or the value of the header.", default=False
    )
    protocols: tuple[str, ...] = key(
        listing(one_of(*_PROTOCOLS), empty=False), "Versions of TLS.", default=list(_PROTOCOLS)
    )
    ciphers: str = key(values.text, "Ciphers of TLS 1.2; Mozilla's intermediate list unless given.", absent=_CIPHERS)
    session_timeout: str = key(values.time, "How long a session can be taken up again.", default="1d")
    stapling: bool = key(values.flag, "Whether nginx fetches and sends OCSP answers.", default=False)
    trusted_certificate: str | None = key(values.absolute_path, "The chain that OCSP answers are verified by.")
    client_certificate: str | None = key(values.absolute_path, "The CA whose certificate clients are asked for.")
    verify_client: str = key(
        one_of("required", "optional"), "Whether a client without a certificate is refused.", default="required"
    )

    def check(self, given: Given) -> None:
        """Refuse to verify clients by nothing."""
        if "verify_client" in given and self.client_certificate is None:
            raise InputError(given.path("verify_client"), "there is no CA to verify clients by; add client_certificate")
