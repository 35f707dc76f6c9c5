"""Stands in for upstreams: answers any request at their addresses with what it saw, and keeps a record of it."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from typing import Any

from .common import CONTROL_PORT, LINK, run, start_service

__all__ = ["stand_in"]

_seen: list[dict[str, Any]] = []
_lock = threading.Lock()


class _StandIn(http.server.BaseHTTPRequestHandler):
    """Answers any request with what it saw: address, path, method, headers."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        address, port = self.connection.getsockname()[:2]
        record = {
            "address": f"{address}:{port}",
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(errors="replace") if length else "",
        }
        with _lock:
            _seen.append(record)
        self._send({"stand_in": record})

    def _send(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the record is what counts."""


class _Control(_StandIn):
    def do_GET(self) -> None:
        word, _, number = self.path.strip("/").partition("/")
        with _lock:
            self._send(len(_seen) if word == "mark" else _seen[int(number) :])


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without the base class's look-up of its own name: there is nothing here that would answer."""
        socketserver.TCPServer.server_bind(self)


def stand_in(plan: dict[str, Any]) -> None:
    """Answer for every upstream, until the container ends."""
    run("ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", "1")
    run("ip", "address", "add", f"{plan['stand_in']}/30", "dev", LINK)
    run("ip", "link", "set", LINK, "up")
    for network in [plan["stand_in_network"], *plan["routed"]]:
        run("ip", "route", "add", "local", network, "dev", "lo")
    for service in plan["services"]:
        if service["endpoint"]:
            start_service(service)
    listen: list[tuple[str, int]] = [(end["bind"], end["port"]) for end in plan["stand_ins"]]
    servers = [_Server(where, _StandIn) for where in listen]
    servers.append(_Server((plan["stand_in"], CONTROL_PORT), _Control))
    for server in servers[:-1]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[-1].serve_forever()
