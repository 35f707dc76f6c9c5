"""Opens an endpoint each, on one event loop: listens, finds out about TLS, and hands connections to the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
# What closes a connection with a reset: as near to a refused one as who has accepted it can come.
_RESET = struct.pack("ii", 1, 0)
_AGAIN_SECONDS = 0.05
_HANDSHAKE = b"\x16"
# What a broken or foreign client does is no fault of the stub.
_ENDINGS = (OSError, EOFError, ValueError, asyncio.LimitOverrunError, Refused)


class Doors:
    """All endpoints of a process. ``names`` are those that a resolver here knows.

    From ``most`` on, endpoints of one port share a socket that listens at each address; 0 stands for never. A process
    may open so many files only, and whoever shares its network with nginx must leave addresses to nginx.
    """

    def __init__(self, record: RequestLog, names: Mapping[str, str], tls: ssl.SSLContext, most: int = 0) -> None:
        self._record = record
        self._tls = tls
        self._most = most
        self._answers: dict[str, Answer] = {"udp": udp, "syslog": syslog, "dns": dns(names)}
        self._open: set[tuple[str, int, bool]] = set()
        self._shared: dict[tuple[bool, int], dict[str, StubListener]] = {}
        self._kept: set[object] = set()

    async def open(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Open endpoints (``host``, ``bind``, ``port``, ``protocol``, ``socket``); tells those that stay shut, and why.

        Two on one address are one: what speaks HTTP speaks HTTP/2 as well.
        """
        ports = Counter(_port(row) for row in rows if row["protocol"] not in self._answers and not row["socket"])
        for port, found in ports.items():
            if self._most and found >= self._most and port not in self._shared:
                self._share(*port)
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
        if not datagrams and not path and _port(row) in self._shared:
            self._shared[_port(row)][str(ipaddress.ip_address(row["bind"]))] = place
            return
        bound = _bound(row, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
        if datagrams:
            answers = self._answers[place.protocol]
            await loop.create_datagram_endpoint(lambda: Answering(place, self._record, answers), sock=bound)
            return
        bound.listen(_BACKLOG)
        serve = _STREAMS.get(place.protocol)
        if serve is None:
            self._keep(self._accept(bound, lambda _: place))
            return
        begin = asyncio.start_unix_server if path else asyncio.start_server
        self._kept.add(await begin(self._served(serve, place), sock=bound, limit=LIMIT, ssl=self._context(place)))

    def _share(self, six: bool, port: int) -> None:
        """Listen at each address of a port, unless something else has it at one: then each gets a socket of its own."""
        anywhere = {"socket": "", "bind": "::" if six else "0.0.0.0", "port": port}
        with contextlib.suppress(OSError):
            bound = _bound(anywhere, socket.SOCK_STREAM)
            bound.listen(_BACKLOG)
            places = self._shared.setdefault((six, port), {})
            self._keep(self._accept(bound, lambda connection: places.get(connection.getsockname()[0])))

    def _context(self, place: StubListener) -> ssl.SSLContext | None:
        return self._tls if place.protocol in _SECURED else None

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

    async def _accept(self, listener: socket.socket, place_of: Callable[[socket.socket], StubListener | None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # no file is free, and one will be
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            place = place_of(connection)
            if place is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.close()
            elif place.protocol in _STREAMS:
                self._keep(self._taken(connection, place))
            else:
                self._keep(self._found_out(connection, place))

    async def _taken(self, connection: socket.socket, place: StubListener) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(*_ENDINGS):
            served = self._served(_STREAMS[place.protocol], place)
            protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(LIMIT), served, loop)
            await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context(place))

    async def _found_out(self, connection: socket.socket, place: StubListener) -> None:
        """Take a connection to what may be anything: only its first bytes tell whether TLS begins."""
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


def _port(row: Mapping[str, Any]) -> tuple[bool, int]:
    """Return whether an endpoint is of IPv6, and its port."""
    return ":" in row["bind"], row["port"]


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
