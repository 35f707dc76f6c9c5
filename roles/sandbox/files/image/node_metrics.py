"""Gives the figures of this machine as text, on the loopback port 9145."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the current figures."""

    def do_GET(self) -> None:
        load, _, _ = os.getloadavg()
        uptime = Path("/proc/uptime").read_text().split()[0]
        body = f"node_load1 {load:.2f}\nnode_uptime_seconds {uptime}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9145), Handler).serve_forever()
