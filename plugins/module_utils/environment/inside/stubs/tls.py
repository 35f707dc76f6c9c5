"""TLS of the stubs, and what nginx showed of its side of it."""

from __future__ import annotations

import ssl
import weakref
from pathlib import Path
from typing import Any

__all__ = ["secured", "shown"]

_asked: weakref.WeakKeyDictionary[object, str | None] = weakref.WeakKeyDictionary()


def secured(chain: Path) -> ssl.SSLContext:
    """TLS with the certificate and key in ``chain``, whatever name is asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def note(line: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        _asked[line] = name

    context.sni_callback = note
    return context


def shown(line: ssl.SSLObject) -> dict[str, Any]:
    """The name that was asked for (SNI), and the version that was agreed on."""
    return {"server_name": _asked.get(line), "version": line.version()}
