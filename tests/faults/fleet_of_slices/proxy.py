"""The way of one slice to the store, which a test can cut, or let hang."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

__all__ = ["Proxy"]


class Proxy:
    """Hands TCP connections on from a port of ``address`` to ``target``."""

    def __init__(self, target: tuple[str, int], address: str = "127.0.0.1") -> None:
        self._target = target
        self._listening = socket.create_server((address, 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut = False
        self._ended = False
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        """Return where the slice connects to."""
        host, port = self._listening.getsockname()
        return f"{host}:{port}"

    def cut(self) -> None:
        """End each connection, and take none that leads anywhere."""
        self._cut = True
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Hand connections on again."""
        self._cut = False

    def close(self) -> None:
        """End it."""
        self._ended = True
        self.cut()
        self._listening.close()

    def _serve(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._cut:
                client.close()
            else:
                threading.Thread(target=self._hand_on, args=(client,), daemon=True).start()

    def _hand_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, 5)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
        with selectors.DefaultSelector() as waiting, contextlib.suppress(OSError):
            waiting.register(client, selectors.EVENT_READ, server)
            waiting.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in waiting.select():
                    data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        raise ConnectionResetError
                    key.data.sendall(data)
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()
