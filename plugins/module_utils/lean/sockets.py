"""Connections without ``socket``, which brings ``enum`` and ``selectors`` along and costs a host as much as asking ten
checks does. It is a layer over what is used here, with the same methods and errors.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    import socket as _socket
    from typing import Any
else:
    try:
        import _socket
    except ImportError:  # a Python that is not CPython
        import socket as _socket

__all__ = ["Socket", "connect", "timeout"]

timeout = _socket.timeout


class Socket(_socket.socket):
    """A socket that a ``with`` closes."""

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def connect(address: tuple[str, int], seconds: float) -> Socket | None:
    """Connect to an IPv4 address within ``seconds``; None where the host is not one. Raises ``OSError``."""
    try:
        _socket.inet_pton(_socket.AF_INET, address[0])
    except OSError:
        return None
    connection = Socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection
