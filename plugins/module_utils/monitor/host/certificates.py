"""Until when a certificate on disk is good.

``ssl`` tells that of a peer only, and the program ``openssl`` is not on every host, so the few bytes are read here.
"""

from __future__ import annotations

import calendar
import ssl
import stat
import time
from typing import Iterable

from ...engine.safe_open import read_any

__all__ = ["Certificates", "not_after"]

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _UTC_TIME, _VERSION = 0x30, 0x17, 0xA0
_MOST = 1 << 20


def not_after(pem: str) -> float:
    """Return the end of the first certificate of a PEM file, in seconds since 1970. Raises ``ValueError``."""
    begin, end = pem.find(_BEGIN), pem.find(_END)
    if not 0 <= begin < end:
        raise ValueError("there is no certificate")
    der = ssl.PEM_cert_to_DER_cert(pem[begin : end + len(_END)])
    try:
        # Certificate → TBSCertificate → [version], number, signature, issuer, validity → the second of two times.
        at, _ = _inside(der, _inside(der, 0)[0])
        if der[at] == _VERSION:
            at = _inside(der, at)[1]
        for _ in range(3):
            at = _inside(der, at)[1]
        start, end = _inside(der, _inside(der, _inside(der, at)[0])[1])
        told = der[start:end].decode("ascii")
        if der[_inside(der, _inside(der, at)[0])[1]] == _UTC_TIME:
            told = ("19" if told >= "50" else "20") + told
        return float(calendar.timegm(time.strptime(told, "%Y%m%d%H%M%SZ")))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"the certificate cannot be read: {error}") from error


def _inside(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the element at ``at`` begins, and where it ends."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        digits = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + digits], "big"), begin + digits
    return begin, begin + length


class Certificates:
    """Reads each file once, and again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int], float]] = {}

    def ends(self, paths: Iterable[str]) -> dict[str, float]:
        """Return the end of each file that holds a certificate, by its path."""
        import os

        found: dict[str, float] = {}
        for path in paths:
            try:
                status = os.stat(path)
                if not stat.S_ISREG(status.st_mode):
                    # To open a pipe is to wait for whoever writes to it.
                    continue
                key = (status.st_ino, status.st_mtime_ns, status.st_size)
                known = self._known.get(path)
                if known is None or known[0] != key:
                    end = not_after(read_any(path, _MOST).decode("ascii", "replace"))
                    known = self._known[path] = (key, end)
            except (OSError, ValueError):
                continue
            found[path] = known[1]
        return found
