"""How others talk to the stubs: one line for what is wanted, one JSON document for an answer.

Both pass through nginx's network, where a release may say anything. So both carry a code made with a key that the judge
and the second container share. The stubs beside nginx have no such secret, since nothing there would keep it: what
they saw is what nginx's container says that they saw.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
from typing import Any

from ..common import CONTROL_PORT

__all__ = ["BESIDE", "MOST", "answered", "ask", "asked"]

BESIDE = "\0sluice-beside"
"""Where the stubs beside nginx are talked to, a name of the network: any TCP port there could be one that a
configuration wants."""

MOST = 64 * 1024 * 1024
"""No line of the conversation is longer, in bytes."""

_TIMEOUT_SECONDS = 60.0


def ask(where: str, what: str, about: object = None, key: str = "") -> Any:
    """Ask the stubs at an address, or beside nginx: ``mark``, ``since`` (a mark), who stayed ``shut``, or to
    ``open`` more (rows).

    Raises ``OSError`` when nothing answers, ``RuntimeError`` when they could not be started, with their words, and when
    somebody else answers.
    """
    if where == BESIDE:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(_TIMEOUT_SECONDS)
        line.connect(where)
    else:
        line = socket.create_connection((where, CONTROL_PORT), _TIMEOUT_SECONDS)
    secret = "" if where == BESIDE else key
    nonce = os.urandom(16).hex()
    wanted = json.dumps([nonce, what, about]).encode()
    with line, line.makefile("rb") as answer:
        line.sendall(b"%s %s\n" % (_code(secret, wanted), wanted))
        code, _, text = answer.read(MOST).partition(b" ")
    if not hmac.compare_digest(code, _code(secret, nonce.encode() + text)):
        raise RuntimeError(f"what answers at {where.strip(chr(0))} is not the stubs")
    said = json.loads(text)
    if isinstance(said, dict):
        raise RuntimeError(str(said["fault"]))
    return said


def asked(line: bytes, key: str) -> tuple[str, str, Any]:
    """Read a line of ``ask``: a nonce, what is wanted, and about what. Raises ``ValueError`` when it is none."""
    code, _, wanted = line.rstrip(b"\n").partition(b" ")
    if not hmac.compare_digest(code, _code(key, wanted)):
        raise ValueError("the question is not the judge's")
    nonce, what, about = json.loads(wanted)
    return nonce, what, about


def answered(answer: object, nonce: str, key: str) -> bytes:
    """Write the answer to a question with that nonce."""
    text = json.dumps(answer).encode()
    return _code(key, nonce.encode() + text) + b" " + text


def _code(key: str, text: bytes) -> bytes:
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().encode()
