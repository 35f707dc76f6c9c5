"""How others talk to the stand-ins: one line for what is wanted, one JSON document for an answer."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from ..common import CONTROL_PORT, HOME

__all__ = ["BESIDE", "MOST", "ask"]

BESIDE = HOME / "beside.sock"
"""Where the stand-ins beside nginx are talked to: any TCP port there could be one that a configuration wants."""

MOST = 64 * 1024 * 1024
"""No line of the conversation is longer, in bytes."""

_TIMEOUT_SECONDS = 60.0


def ask(where: str | Path, what: str, about: object = None) -> Any:
    """Ask the stand-ins at an address, or at a unix socket: ``mark``, ``since`` (a mark), who stayed ``shut``, or to
    ``open`` more (rows).

    Raises ``OSError`` when nothing answers, ``RuntimeError`` with their words when they could not be started.
    """
    if isinstance(where, Path):
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(_TIMEOUT_SECONDS)
        line.connect(str(where))
    else:
        line = socket.create_connection((where, CONTROL_PORT), _TIMEOUT_SECONDS)
    with line, line.makefile("rb") as answer:
        line.sendall(json.dumps([what, about]).encode() + b"\n")
        said = json.loads(answer.read())
    if isinstance(said, dict):
        raise RuntimeError(str(said["fault"]))
    return said
