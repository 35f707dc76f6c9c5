"""memcached's text protocol: every key is there, and its value says which key it is."""

from __future__ import annotations

from .connection import Link, Refused
from .http1 import read_body
from .request_log import answer

__all__ = ["serve"]

# A key that has this in it is not there, so that the way of a miss can be asked for.
_MISS = "sluice-miss"
_STORING = ("set", "add", "replace", "append", "prepend", "cas")


async def serve(link: Link) -> None:
    """Answer commands until the connection ends."""
    while True:
        words = (await link.reader.readuntil(b"\r\n")).decode(errors="replace").split()
        command = words[0] if words else ""
        if command in ("get", "gets"):
            await link.send(b"".join(_value(link, command, key) for key in words[1:]) + b"END\r\n")
        elif command in _STORING and len(words) >= 5:
            body, size = await read_body(link, int(words[4]))
            await link.reader.readexactly(2)
            link.note(command, words[1], body=body, size=size)
            await link.send(b"STORED\r\n")
        elif command == "delete":
            link.note(command, " ".join(words[1:]))
            await link.send(b"DELETED\r\n")
        elif command == "version":
            await link.send(b"VERSION 1.6.0\r\n")
        elif command == "quit":
            return
        else:
            await link.send(b"ERROR\r\n")
            raise Refused


def _value(link: Link, command: str, key: str) -> bytes:
    row = link.note(command, key)
    if _MISS in key:
        return b""
    text = answer(row)
    unique = " 1" if command == "gets" else ""
    return f"VALUE {key} 0 {len(text)}{unique}\r\n".encode() + text + b"\r\n"
