"""What a store of slices has under a key, and what its server answers: read by controllers, and by hosts."""

from __future__ import annotations

import contextlib
import json
from unittest import mock

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.etcd import EtcdStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreLogin
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.nats import NatsStore
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.slices.statements import Stater

from ..mutation import json_values, texts

ALLOWED = (SluiceError,)
_LOGIN = StoreLogin("etcd://store")


class _Socket:
    """A server of NATS that says one thing, and ends."""

    def __init__(self, data: bytes) -> None:
        self._data = [data[start : start + 64] for start in range(0, len(data), 64)]

    def recv(self, size: int) -> bytes:
        return self._data.pop(0) if self._data else b""

    def sendall(self, data: bytes) -> None:
        """Nobody reads it."""

    def settimeout(self, seconds: float) -> None:
        """It never waits."""

    def close(self) -> None:
        """There is nothing to end."""


def run(data: bytes) -> None:
    """Read it as a statement, as an answer of etcd, and as one of NATS."""
    for read in (_statement, _etcd, _nats):
        with contextlib.suppress(SluiceError):
            read(data)


def _statement(data: bytes) -> None:
    Stater(None).read("decision", data, "rollout")


def _etcd(data: bytes) -> None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return
    store = EtcdStore(["store:2379"], "/sluice/", _LOGIN)
    with mock.patch.object(EtcdStore, "_ask", return_value=found if isinstance(found, dict) else {}):
        for ask in (lambda: store.get("a"), lambda: store.entries("a"), lambda: store.create("a", b"")):
            with contextlib.suppress(SluiceError):
                ask()


def _nats(data: bytes) -> None:
    greeting = b'INFO {"version":"2.9.10","headers":true}\r\nPONG\r\n'
    store = NatsStore(["store:4222"], "sluice", _LOGIN)
    for sent in (data, greeting + data):
        with mock.patch("socket.create_connection", return_value=_Socket(sent)), contextlib.suppress(SluiceError):
            store.get("a")
        store.close()


def inputs() -> st.SearchStrategy[bytes]:
    """Draw statements, rows of etcd, lines of NATS, and anything."""
    row = st.fixed_dictionaries({}, optional={"key": texts(), "value": texts(), "mod_revision": json_values()})
    rows = st.fixed_dictionaries(
        {}, optional={"kvs": st.lists(row), "header": json_values(), "succeeded": json_values()}
    )
    said = st.fixed_dictionaries({}, optional={"statement": json_values(), "signature": json_values()})
    line = st.sampled_from(
        (b"MSG a 1 2\r\n", b"HMSG a 1 4 9\r\n", b"MSG\r\n", b"-ERR 'x'\r\n", b"PING\r\n", b"HMSG a 1 9 4\r\n")
    )
    lines = st.lists(st.one_of(line, st.binary(max_size=20))).map(b"".join)
    shown = st.one_of(rows, said, json_values()).map(lambda value: json.dumps(value).encode())
    return st.one_of(shown, lines, texts().map(lambda text: text.encode("utf-8", "replace")))
