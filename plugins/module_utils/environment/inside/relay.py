"""Leads requests of the judge to unix sockets in nginx's container, whose files the judge does not see.

The relay listens at a name that belongs to the network, which both share. What nginx answers passes as it is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading

__all__ = ["connect", "start"]

_NAME = "\0sluice-relay"
_LONGEST_PATH = 4096
_MOST_BYTES = 65536


def connect(path: str, timeout: float) -> socket.socket:
    """Return a connection to the unix socket at ``path`` in nginx's container. Raises ``OSError``."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(timeout)
        line.connect(_NAME)
        line.sendall(path.encode() + b"\n")
        code = _line(line)
        if not code.isdigit():
            raise ConnectionResetError
        if int(code):
            raise OSError(int(code), os.strerror(int(code)))
    except BaseException:
        line.close()
        raise
    return line


def start() -> None:
    """Lead on what comes, until the process ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(_NAME)
    listener.listen(512)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()


def _accept(listener: socket.socket) -> None:
    while True:
        with contextlib.suppress(OSError, RuntimeError):
            line, _ = listener.accept()
            threading.Thread(target=_lead, args=(line,), daemon=True).start()


def _lead(line: socket.socket) -> None:
    with line, socket.socket(socket.AF_UNIX) as end:
        try:
            end.connect(_line(line).decode())
        except OSError as error:
            with contextlib.suppress(OSError):
                line.sendall(b"%d\n" % (error.errno or 1))
            return
        with contextlib.suppress(OSError):
            line.sendall(b"0\n")
            back = threading.Thread(target=_pump, args=(end, line), daemon=True)
            back.start()
            _pump(line, end)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_MOST_BYTES):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    # Who does not want more gets no more.
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)


def _line(line: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n") and len(found) < _LONGEST_PATH:
        letter = line.recv(1)
        if not letter:
            break
        found += letter
    return found.rstrip(b"\n")
