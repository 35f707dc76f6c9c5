"""The engine that belongs to a host: which one it is, what it refuses, and how it is put in place.

Below ``/usr/local/lib/sluice`` are ``engine/DIGEST``, and ``current``, which has the digest of the one that runs and
the number of the statement by which it came.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from .host.trust import interpreter_fault
from .session import Fault, Problem, Session

if TYPE_CHECKING:
    from .protocol import Json
    from .store import Layout

__all__ = ["MOST", "Own", "install_own", "interpreter", "main", "read_own", "unpacked"]

MOST = 32 << 20
"""Bytes of an engine's sources, unpacked."""

# These do the same in each version, and nobody is to wait for a signature who looks at a host or rolls it back.
_ALWAYS = ("rollback", "show", "status", "traffic", "update_engine")
_HEX = frozenset("0123456789abcdef")


class Own:
    """Which engine a host has: its digest and number, empty and 0 where it has none."""

    def __init__(self, digest: str = "", number: int = 0) -> None:
        self.digest = digest
        self.number = number

    def to_json(self) -> Json:
        """Return it as plain data, for the answer."""
        return {"digest": self.digest, "number": self.number}


def read_own(layout: Layout) -> Own:
    """Return the engine that this host has of its own."""
    try:
        digest, number = (layout.own / "current").read_text().split()
        return Own(digest, int(number))
    except (OSError, ValueError):
        return Own()


def main(request: bytes, bundle: bytes, digest: str, asked: str) -> None:
    """Answer a request that was made for the engine ``asked``, by the engine of this host, ``digest``."""
    from .main import main as answer

    def refuse(request: Json) -> Json | None:
        if digest == asked or request.get("op") in _ALWAYS:
            return None
        problem = Problem(
            # Short, since the gates tell it in one line of their table.
            "the host's engine is another one; gates_signing_key updates it",
            f"the engine {_short(asked)} of the controller",
            f"the engine {_short(digest)}",
            "set gates_signing_key to a key that the host allows, which signs the controller's engine; or run "
            "sluice.nginx.trust as an administrator",
        )
        told: Json = {"problems": [problem.to_json()], "warnings": [], "steps": [], "engine": {"digest": digest}}
        return {"ok": False, "changed": False, **told}

    answer(request, bundle, refuse)


def _short(digest: str) -> str:
    return digest[:12] if _HEX.issuperset(digest) else "?"


def unpacked(bundle: bytes, digest: str) -> dict[str, str]:
    """Return the sources of an engine that came as zlib-compressed JSON. Raises ``Fault``."""
    import zlib

    reading = zlib.decompressobj()
    try:
        content = reading.decompress(bundle, MOST)
    except zlib.error as error:
        raise Fault(Problem("the engine that came cannot be unpacked", actual=str(error))) from error
    if not reading.eof or sha256(content).hexdigest() != digest:
        raise Fault(Problem("the engine that came is not the one that was announced", f"SHA-256 {digest[:12]}"))
    found = json.loads(content)
    return {str(path): str(text) for path, text in found.items()}


def interpreter() -> str:
    """Return the Python that starts this host's engine for anybody. Raises ``Fault`` where it is not root's alone."""
    fault = ""
    for path in (sys.executable, os.path.realpath(sys.executable)):
        fault = interpreter_fault(path)
        if not fault:
            return path
    do = "run sluice.nginx.trust with -e ansible_python_interpreter=/usr/bin/python3"
    raise Fault(
        Problem("others than root could change the Python that is to start the host's engine", actual=fault, fix=do)
    )


def install_own(session: Session, sources: dict[str, str], digest: str, number: int) -> None:
    """Put an engine in place as the host's own, the old one running until the new one is whole. Raises ``Fault``."""
    layout, system = session.layout, session.system
    script = f"#!{interpreter()} -IS\n{sources['sluice/engine/launcher.py']}"
    for folder in (layout.own, layout.command.parent):
        if not folder.is_dir():
            system.make_directory(folder)
    install: dict[str, Any] = {}
    exec(sources["sluice/engine/install.py"], install)
    install["install"](sources, digest, os.fspath(layout.own), True, os.fspath(layout.root / "watchdog.py"))
    if not (layout.own / "engine" / digest).is_dir():
        raise Fault(Problem("the engine could not be put in place", fix=f"see to the disk of {layout.own}"))
    if not layout.command.is_file() or layout.command.read_text() != script:
        system.write(layout.command, script.encode(), 0o755)
    system.write(layout.own / "current", f"{digest} {number}\n".encode(), 0o644)
