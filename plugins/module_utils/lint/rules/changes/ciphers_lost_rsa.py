"""``ssl_ciphers`` has no suite for an RSA certificate any more, and the certificate is on the hosts only.

With TLS 1.2 a server with an RSA key and suites for ECDSA alone refuses every handshake, and ``nginx -t`` is content.
Which key the certificate has is not seen here: its file is not part of the release, and ``staging`` makes one up. A
server whose protocols leave TLS 1.2 out, or whose certificate is named after ECDSA, has lost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"

_USUAL = "HIGH:!aNULL:!MD5"
_NAMED_EC = re.compile(r"(?i)ecdsa|ecc\b|[-_./]ec[-_./]|p256|p384|prime256")
_SUITE = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)+")


def _serves_rsa(ciphers: str) -> bool:
    """Return whether some suite of a list works with an RSA key; what is not understood does."""
    words = [word for word in re.split(r"[:, ]+", ciphers) if word and word[0] not in "!-@"]
    known = [word for word in words if not word.startswith("TLS_")]
    return not known or any(not (_SUITE.fullmatch(word) and "-ECDSA-" in word) for word in known)


def _is_known(scope: BlockScope) -> bool:
    """Return whether the kind of a key is told by the names of the files, or by two certificates, one for each kind."""
    paths = [each.args[0] for each in scope.effective("ssl_certificate") if each.args]
    return len(paths) != 1 or not paths[0].startswith("/") or bool(_NAMED_EC.search(paths[0]))


def _speaks_old(scope: BlockScope) -> bool:
    protocols = [word for each in scope.effective("ssl_protocols") for word in each.args]
    return not protocols or "TLSv1.2" in protocols


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find servers whose list has lost its last suite for RSA."""
    reported: set[int] = set()
    brought = {f"/etc/nginx/{name}" for name in config.files}
    for before, now in altered(config, live):
        if now.kind != "server" or not _speaks_old(now) or _is_known(now):
            continue
        lines = now.effective("ssl_ciphers")
        if not lines or id(lines[0]) in reported or now.value("ssl_certificate") in brought:
            continue
        if _serves_rsa(before.value("ssl_ciphers", _USUAL)) and not _serves_rsa(now.value("ssl_ciphers", _USUAL)):
            reported.add(id(lines[0]))
            yield finding(
                lines[0],
                "no suite for an RSA key is left, and the live release has some",
                expected="suites for RSA as well, or a certificate in the release that shows an ECDSA key",
                fix="put ECDHE-RSA-AES128-GCM-SHA256 and its like back, or accept it where all hosts have ECDSA keys",
            )
