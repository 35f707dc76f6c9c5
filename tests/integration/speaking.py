"""Upstreams that speak what nginx passes on, on an address that containers reach: gRPC, WebSocket, TCP and UDP."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import grpc
from websockets.sync.server import ServerConnection, serve

__all__ = ["Upstreams", "upstreams"]

# The message of grpc.health.v1 that says SERVING.
_SERVING = b"\x08\x01"


class Upstreams(NamedTuple):
    """Where each listens, as nginx takes it: an address and a port."""

    grpc: str
    websocket: str
    tcp: str
    udp: str


class _Methods(grpc.GenericRpcHandler):
    """The standard health check, and a method that says what it was asked, as bytes."""

    def service(self, called: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        answers = {
            "/grpc.health.v1.Health/Check": lambda _, __: _SERVING,
            "/shop.Orders/Get": lambda asked, _: b"order " + asked,
        }
        answer = answers.get(called.method)
        return answer and grpc.unary_unary_rpc_method_handler(answer)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class _Udp(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read())


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextlib.contextmanager
def upstreams(address: str) -> Iterator[Upstreams]:
    """Serve all of them at free ports of ``address``."""
    with contextlib.ExitStack() as ended:
        orders = grpc.server(ended.enter_context(ThreadPoolExecutor(4)), handlers=[_Methods()])
        port = orders.add_insecure_port(f"{address}:0")
        orders.start()
        ended.callback(lambda: orders.stop(None).wait())
        feed = ended.enter_context(serve(_echo, address, 0))
        lines = ended.enter_context(socketserver.ThreadingTCPServer((address, 0), _Tcp))
        lines.daemon_threads = True
        datagrams = ended.enter_context(socketserver.ThreadingUDPServer((address, 0), _Udp))
        for server in (feed, lines, datagrams):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ended.callback(server.shutdown)
        ports = (port, feed.socket.getsockname()[1], lines.server_address[1], datagrams.server_address[1])
        yield Upstreams(*(f"{address}:{each}" for each in ports))
