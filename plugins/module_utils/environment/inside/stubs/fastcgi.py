"""FastCGI, as php-fpm answers it where the application is PHP: a script that is not there is no script."""

from __future__ import annotations

import os
import posixpath
import struct
from collections.abc import Iterator, Mapping

from .connection import Link, Refused, granted
from .http1 import head_of, reason
from .request_log import EXCERPT, answer, from_params

__all__ = ["serve"]

_VERSION = 1
_BEGIN, _ABORT, _END, _PARAMS, _STDIN, _STDOUT, _STDERR, _GET_VALUES, _VALUES = 1, 2, 3, 4, 5, 6, 7, 9, 10
_KEEP = 1
_LARGEST_RECORD = 65535
_HTML = "text/html; charset=UTF-8"
# security.limit_extensions, as php-fpm has it where nobody sets it.
_SCRIPTS = (".php", ".phar")
# Both containers share nginx's process namespace, so nginx's files are seen here: those are the ones that count.
_NGINX_ROOT = "/proc/1/root"


async def serve(link: Link) -> None:
    """Answer requests, one after the other, until the connection ends."""
    keep, params, body, size = False, b"", b"", 0
    while True:
        version, kind, number, length, padding = struct.unpack(">BBHHBx", await link.reader.readexactly(8))
        if version != _VERSION:
            raise Refused
        content = (await link.reader.readexactly(length + padding))[:length]
        if kind == _BEGIN:
            keep, params, body, size = bool(content[2] & _KEEP), b"", b"", 0
        elif kind == _PARAMS:
            params += content
        elif kind == _STDIN and content:
            body, size = (body + content)[:EXCERPT], size + len(content)
        elif kind == _STDIN:
            errors, said = await _answer(link, dict(_pairs(params)), body, size)
            sent = b"".join(_records(_STDERR, number, errors)) if errors else b""
            sent += b"".join([*_records(_STDOUT, number, said), _record(_STDOUT, number, b""), _end(number)])
            await link.send(sent)
            if not keep:
                return
        elif kind == _ABORT:
            await link.send(_end(number))
            if not keep:
                return
        elif kind == _GET_VALUES:
            await link.send(_record(_VALUES, 0, _pair("FCGI_MPXS_CONNS", "0")))


def _pairs(data: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(data):
        lengths = []
        for _ in range(2):
            if data[place] & 128:
                lengths.append(int.from_bytes(data[place : place + 4], "big") & 0x7FFFFFFF)
                place += 4
            else:
                lengths.append(data[place])
                place += 1
        middle, end = place + lengths[0], place + sum(lengths)
        yield data[place:middle].decode(errors="replace"), data[middle:end].decode(errors="replace")
        place = end


def _pair(name: str, value: str) -> bytes:
    return bytes([len(name), len(value)]) + name.encode() + value.encode()


def _record(kind: int, number: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBx", _VERSION, kind, number, len(content), 0) + content


def _records(kind: int, number: int, content: bytes) -> Iterator[bytes]:
    for place in range(0, len(content), _LARGEST_RECORD):
        yield _record(kind, number, content[place : place + _LARGEST_RECORD])


def _end(number: int) -> bytes:
    return _record(_END, number, bytes(8))


async def _answer(link: Link, params: Mapping[str, str], body: bytes, size: int) -> tuple[bytes, bytes]:
    """What goes to nginx's error log, and what goes to the client."""
    row = {**from_params(link.place, params, body), "size": size}
    link.record.add(row)
    override = await granted(row)
    refusal = _refusal(link.place.name, params)
    if refusal is not None:
        status, words, errors = refusal
        text = f"{words}\n".encode()
        lines = [f"Status: {status} {reason(status)}", f"Content-type: {_HTML}"]
    else:
        errors, text = "", answer(row, override.size)
        status = override.status
        # Like PHP, which says no status where that is 200, and no length.
        lines = [f"Status: {status} {reason(status)}"] if status != 200 else []
        lines += [line for line in head_of(override, len(text), _HTML) if not line.startswith("Content-Length")]
    sent = b"" if params.get("REQUEST_METHOD") == "HEAD" else text
    return errors.encode(), "\r\n".join([*lines, "", ""]).encode() + sent


def _refusal(name: str, params: Mapping[str, str]) -> tuple[int, str, str] | None:
    """Why php-fpm would not run the script: status, its words for the client, its words for the log."""
    script = params.get("SCRIPT_FILENAME")
    if "cgiwrap" in name or (script is None and not any(word in name for word in ("php", "fpm"))):
        return None  # another application, to which a script's name means something else
    found = None if script is None else _script(script)
    if found is None:
        return 404, "File not found.", "Primary script unknown"
    if not found.endswith(_SCRIPTS):
        words = f"Access to the script '{found}' has been denied (see security.limit_extensions)"
        return 403, "Access denied.", words
    return None


def _script(path: str) -> str | None:
    """The file that a path leads to; what comes after a file is PATH_INFO, as by ``cgi.fix_pathinfo``."""
    if not path or (not path.endswith("/") and _is_there(path)):
        return path
    above = path.rstrip("/") if path.endswith("/") else posixpath.dirname(path)
    while len(above) > 1:
        if _is_there(above):
            return None if _is_folder(above) else above
        above = posixpath.dirname(above)
    return None


def _is_there(path: str) -> bool:
    return any(os.path.exists(place) for place in _places(path))


def _is_folder(path: str) -> bool:
    return any(os.path.isdir(place) for place in _places(path))


def _places(path: str) -> tuple[str, str]:
    return path, f"{_NGINX_ROOT}{path}"
