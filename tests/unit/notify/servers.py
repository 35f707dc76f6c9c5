"""Servers that take messages, and such as do not; all of them are real, on ports of their own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.hosts import free_ports

PROGRAM = Path(__file__).resolve().parents[3] / "roles/sandbox/files/image/receiver.py"
SECRET = "s3cr3t-m4rk3r"
"""Stands in each URL where a password or a token would."""

TIMEOUT = 60.0
"""Seconds; for machines that are slow and busy."""


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for something that is true, and return it."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {TIMEOUT:g} s in vain: {what}")


class Receiver:
    """The sandbox's receiver, at work."""

    def __init__(self, http: int, smtp: int) -> None:
        self.http, self.smtp = http, smtp

    def post_url(self, path: str = "team") -> str:
        """An Apprise URL for posts, with a secret in it."""
        return f"json://user:{SECRET}@127.0.0.1:{self.http}/{path}"

    def mail_url(self, to: str = "team") -> str:
        """An Apprise URL for mail."""
        return f"mailto://127.0.0.1:{self.smtp}/?from=sluice@shop.example&to={to}@shop.example&mode=insecure"

    def messages(self) -> list[dict[str, str]]:
        """What came, oldest first."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/messages", timeout=TIMEOUT) as answer:
            return list(json.load(answer))

    def wait(self, number: int) -> list[dict[str, str]]:
        """Wait until as many have come."""
        found = until(lambda: len(self.messages()) >= number and self.messages(), f"{number} messages")
        return list(found)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Start the receiver, and end it."""
    ports = free_ports(2)
    command = [sys.executable, str(PROGRAM), *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("receiving: ")
            yield Receiver(*ports)
        finally:
            process.kill()


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """A server that takes connections, and never says a word; tells its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for each in taken:
            each.close()


def refusing() -> int:
    """A port that nobody listens to."""
    return free_ports(1)[0]
