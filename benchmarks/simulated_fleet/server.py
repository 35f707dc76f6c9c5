"""Serves simulated hosts at a Unix socket: ``ask HOST LENGTH`` with a payload, and ``count``.

    python -m benchmarks.simulated_fleet.server SOCKET [FAILING HOST …]

It is a process of its own, so that what hosts do counts to nobody's processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .hosts import SimulatedHosts
from .latencies import Latencies

__all__ = ["serve"]

_MOST_WAITING = 4096
_MEMORY = Path("/dev/shm")


class _Server:
    def __init__(self, hosts: SimulatedHosts, latencies: Latencies) -> None:
        self._hosts, self._latencies = hosts, latencies
        self._asked: Counter[str] = Counter()
        self._problem = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. What is wrong closes the connection, and is part of ``count``."""
        # Who asked may be given up meanwhile.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            word, *more = (await reader.readline()).decode().split()
            if word == "count":
                counted = self._hosts.counted(time.monotonic())
                writer.write(json.dumps({**counted, "problem": self._problem}).encode())
            else:
                writer.write(await self._ask(more[0], await reader.readexactly(int(more[1]))))
            await writer.drain()
        writer.close()

    async def _ask(self, name: str, payload: bytes) -> bytes:
        try:
            state = self._hosts.ask(name, payload, time.monotonic())
            self._asked[name] += 1
            seconds = self._latencies.draw(name, self._asked[name], state.operation) + state.seconds
        except (SluiceError, AssertionError) as error:
            self._problem = self._problem or str(error)
            return b""
        await asyncio.sleep(seconds)
        return state.answer


async def serve(socket: Path, hosts: SimulatedHosts, latencies: Latencies) -> None:
    """Serve until the process ends."""
    server = await asyncio.start_unix_server(_Server(hosts, latencies).answer, socket, backlog=_MOST_WAITING)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve hosts whose files are in memory."""
    socket, failing = Path(sys.argv[1]), frozenset(sys.argv[2:])
    made = tempfile.TemporaryDirectory(dir=_MEMORY, prefix="simulated-", ignore_cleanup_errors=True)
    with made as folder, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(socket, SimulatedHosts(Path(folder), failing), Latencies.read()))


if __name__ == "__main__":
    main()
