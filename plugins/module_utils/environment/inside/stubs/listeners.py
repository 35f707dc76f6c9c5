"""Opens an endpoint each, on one event loop: listens, finds out about TLS, and hands connections to the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import fastcgi, http1, memcached, scgi, tcp, uwsgi
from .connection import LIMIT, Link, Refused
from .datagrams import Answer, Answering, dns, syslog, udp
from .request_log import RequestLog, StubListener

__all__ = ["Doors"]

_Serve = Callable[[Link], Awaitable[None]]

_STREAMS: dict[str, _Serve] = {
    "http": http1.serve,
    "https": http1.serve,
    "grpc": http1.serve,
    "grpcs": http1.serve,
    "fastcgi": fastcgi.serve,
    "uwsgi": uwsgi.serve,
    "uwsgis": uwsgi.serve,
    "scgi": scgi.serve,
    "memcached": memcached.serve,
}
_SECURED = ("https", "grpcs", "uwsgis")
_BACKLOG = 512
_HANDSHAKE = b"\x16"
# What a broken or foreign client does is no fault of the stub.
_ENDINGS = (OSError, EOFError, ValueError, asyncio.LimitOverrunError, Refused)


class Doors:
    """All endpoints of a process. ``names`` are those that a resolver here knows."""

    def __init__(self, record: RequestLog, names: Mapping[str, str], tls: ssl.SSLContext) -> None:
        self._record = record
        self._tls = tls
        self._answers: dict[str, Answer] = {"udp": udp, "syslog": syslog, "dns": dns(names)}
        self._open: set[tuple[str, int, bool]] = set()
        self._kept: set[object] = set()

    async def open(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Open endpoints (``host``, ``bind``, ``port``, ``protocol``, ``socket``); tells those that stay shut, and why.

        Two on one address are one: what speaks HTTP speaks HTTP/2 as well.
        """
        shut = []
        for row in rows:
            datagrams = row["protocol"] in self._answers
            where = (row["socket"] or row["bind"], row["port"], datagrams)
            if where in self._open:
                continue
            self._open.add(where)
            try:
                await self._door(row, datagrams)
            except OSError as error:
                shut.append(f"{row['socket'] or _at(row['host'], row['port'])}: {error.strerror or error}")
        return shut

    async def _door(self, row: Mapping[str, Any], datagrams: bool) -> None:
        loop = asyncio.get_running_loop()
        path = row["socket"]
        name = path or _at(row["host"], row["port"])
        place = StubListener(row["protocol"], name, f"unix:{path}" if path else _at(row["bind"], row["port"]))
        bound = _bound(row, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
        if datagrams:
            answers = self._answers[place.protocol]
            await loop.create_datagram_endpoint(lambda: Answering(place, self._record, answers), sock=bound)
            return
        bound.listen(_BACKLOG)
        serve = _STREAMS.get(place.protocol)
        if serve is None:
            self._keep(self._accept(bound, place))
            return
        begin = asyncio.start_unix_server if path else asyncio.start_server
        context = self._tls if place.protocol in _SECURED else None
        self._kept.add(await begin(self._served(serve, place), sock=bound, limit=LIMIT, ssl=context))

    def _keep(self, work: Awaitable[None]) -> None:
        # The loop itself would not keep a task from being collected.
        task = asyncio.ensure_future(work)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    def _served(
        self, serve: _Serve, place: StubListener
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(*_ENDINGS):
                await serve(Link(reader, writer, place, self._record))
            writer.close()

        return connected

    async def _accept(self, listener: socket.socket, place: StubListener) -> None:
        """Take connections to what may be anything: only their first bytes tell whether TLS begins."""
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            self._keep(self._found_out(connection, place))

    async def _found_out(self, connection: socket.socket, place: StubListener) -> None:
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        with contextlib.suppress(*_ENDINGS):
            first = await _first_byte(connection)
            context = self._tls if first == _HANDSHAKE else None
            reader = tcp.FirstReader(tcp.SILENCE_SECONDS if first else 0.0)
            protocol = asyncio.StreamReaderProtocol(reader, self._served(tcp.serve, place), loop)
            await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)


async def _first_byte(connection: socket.socket) -> bytes:
    """Look at the first byte without taking it; nothing when there is silence."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(connection, came.set)
    try:
        await asyncio.wait_for(came.wait(), tcp.SILENCE_SECONDS)
        return connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return b""
    finally:
        loop.remove_reader(connection)


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(row: Mapping[str, Any], kind: socket.SocketKind) -> socket.socket:
    """Bind an endpoint. Raises ``OSError``, also where something else has it."""
    path = row["socket"]
    family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in row["bind"] else socket.AF_INET
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            bound.bind(path)
            # In production the application sees to it that nginx may connect.
            os.chmod(path, 0o666)
        else:
            if kind is socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((row["bind"], row["port"]))
    except OSError:
        bound.close()
        raise
    return bound
