"""HTTP/1.0 and 1.1: keep-alive, bodies by length and in chunks, and WebSocket, whose frames are echoed."""

from __future__ import annotations

import base64
import hashlib
import http
import posixpath
import struct
from collections.abc import Mapping
from typing import Any

from . import http2
from .connection import Link, Refused, granted
from .request_log import EXCERPT, ResponseOverride, answer, from_params

__all__ = ["answer_params", "content_type", "head_of", "read_body", "reason", "serve"]

_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE, _PING, _PONG = 8, 9, 10
# By the extension of what was asked for, so that what a configuration does by type is seen.
_TYPES = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "application/javascript",
    ".php": "text/html; charset=UTF-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
}


def content_type(path: str) -> str:
    """The type of an answer to a request for ``path``."""
    return _TYPES.get(posixpath.splitext(path.partition("?")[0])[1].lower(), "application/json")


def head_of(override: ResponseOverride, length: int, kind: str, **more: str) -> list[str]:
    """The lines of an answer's head, without the first. What is wished for comes instead of what is usual."""
    usual = {"Content-Type": kind, "Content-Length": str(length), **more}
    asked = {name.lower() for name in override.headers}
    kept = [f"{name}: {value}" for name, value in usual.items() if name.lower() not in asked]
    return [*kept, *(f"{name}: {value}" for name, value in override.headers.items())]


def reason(status: int) -> str:
    """The words of a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def serve(link: Link) -> None:
    """Answer requests until the connection ends."""
    while True:
        head = await link.reader.readuntil(b"\r\n\r\n")
        if head == http2.PREFACE_HEAD:
            await http2.serve(link)
            return
        if head.startswith(b"PROXY "):  # nginx tells whom it stands for before the request
            head = head.partition(b"\r\n")[2] or await link.reader.readuntil(b"\r\n\r\n")
        if not await _answer(link, head):
            return


async def _answer(link: Link, head: bytes) -> bool:
    """Answer one request; tells whether the connection goes on."""
    lines = head.decode("utf-8", "replace").split("\r\n")[:-2]
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        await link.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        raise Refused
    method, path, version = words
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    headers = {name.lower(): value for name, value in pairs}
    if headers.get("expect", "").lower() == "100-continue":
        await link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    body, size = await _body(link, headers)
    row = link.note(method, path, headers=pairs, body=body, size=size, version=version.removeprefix("HTTP/"))
    override = await granted(row)
    if headers.get("upgrade", "").lower() == "websocket" and "sec-websocket-key" in headers:
        await _websocket(link, headers["sec-websocket-key"], headers.get("sec-websocket-protocol", ""))
        return False
    text = answer(row, override.size)
    connection = headers.get("connection", "").lower()
    goes_on = "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)
    bodiless = override.status in (204, 304)
    first = f"HTTP/1.1 {override.status} {reason(override.status)}"
    usual = head_of(
        override, 0 if bodiless else len(text), content_type(path), Connection="keep-alive" if goes_on else "close"
    )
    await link.send("\r\n".join([first, *usual, "", ""]).encode() + (b"" if bodiless or method == "HEAD" else text))
    return goes_on


async def _body(link: Link, headers: Mapping[str, str]) -> tuple[bytes, int]:
    """The beginning of the body, and its length in bytes."""
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        return await read_body(link, int(headers.get("content-length") or 0))
    kept, size = b"", 0
    while length := int((await link.reader.readuntil(b"\r\n")).split(b";")[0], 16):
        part, _ = await read_body(link, length)
        kept, size = (kept + part)[:EXCERPT], size + length
        await link.reader.readexactly(2)
    while await link.reader.readuntil(b"\r\n") != b"\r\n":  # trailers
        pass
    return kept, size


async def read_body(link: Link, length: int) -> tuple[bytes, int]:
    """Read ``length`` bytes; the beginning of them is kept."""
    kept, left = b"", length
    while left:
        part = await link.reader.readexactly(min(left, 65536))
        left -= len(part)
        if len(kept) < EXCERPT:
            kept = (kept + part)[:EXCERPT]
    return kept, length


async def _websocket(link: Link, key: str, offered: str) -> None:
    digest = base64.b64encode(hashlib.sha1(key.encode() + _WEBSOCKET).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    if offered:
        lines.append(f"Sec-WebSocket-Protocol: {offered.split(',')[0].strip()}")
    await link.send("\r\n".join([*lines, f"Sec-WebSocket-Accept: {digest}", "", ""]).encode())
    while True:
        first, second = await link.reader.readexactly(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack(">H", await link.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await link.reader.readexactly(8))
        mask = await link.reader.readexactly(4) if second & 128 else b"\0\0\0\0"
        masked = await link.reader.readexactly(length)
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
        kind = first & 15
        await link.send(_frame(first & 240 | (_PONG if kind == _PING else kind), data))
        if kind == _CLOSE:
            return


def _frame(first: int, data: bytes) -> bytes:
    if len(data) < 126:
        return bytes([first, len(data)]) + data
    if len(data) < 65536:
        return struct.pack(">BBH", first, 126, len(data)) + data
    return struct.pack(">BBQ", first, 127, len(data)) + data


async def answer_params(link: Link, params: Mapping[str, str], start: str, **more: Any) -> None:
    """Answer a request that came as variables of CGI: its body follows; the answer begins with ``start`` and a status.

    ``more`` is noted of the request beside its variables.
    """
    body, size = await read_body(link, int(params.get("CONTENT_LENGTH") or 0))
    row = {**from_params(link.place, params, body), "size": size, **more}
    link.record.add(row)
    override = await granted(row)
    text = answer(row, override.size)
    head = head_of(override, len(text), content_type(row["path"]))
    lines = [f"{start} {override.status} {reason(override.status)}", *head, "", ""]
    sent = b"" if row["method"] == "HEAD" else text
    await link.send("\r\n".join(lines).encode() + sent)
