"""etcd as a store, by its JSON gateway over HTTP or HTTPS. Shipped to hosts: standard library only, Python 3.8."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from base64 import b64decode, b64encode
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Sequence

from ..untrusted import whole_number
from .model import CoordinationStore, KeyEntry, StoreFault, StoreLogin, StoreUnreachable, check_key
from .tls import tls_context

__all__ = ["EtcdStore"]

_OLDEST = (3, 4)
_MOST_BYTES = 64 << 20
# What the server says while it has no leader, or is about to have another one.
_PASSING = ("no leader", "timed out", "leader changed", "too many requests", "unhealthy", "stopped", "unavailable")
# What comes of reading an answer that has another form.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
# A request may take so many times as long as each of its steps.
_WHOLE = 4
_UNAUTHENTICATED = ("invalid auth token", "user name is empty", "token is not provided")


class EtcdStore(CoordinationStore):
    """``addresses`` are the ``host:port`` of the members, of which any will do; ``prefix`` is before each key."""

    def __init__(self, addresses: Sequence[str], prefix: str, login: StoreLogin, *, tls: bool = False) -> None:
        self._addresses = list(addresses)
        self._prefix = prefix
        self._login = login
        self._tls = tls_context(login) if tls else None
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def get(self, key: str) -> KeyEntry | None:
        """Read by consensus: a member that is cut off from the others does not answer."""
        found = self._ask("/v3/kv/range", {"key": self._coded(check_key(key))})
        with self._understood():
            rows = found.get("kvs") or []
            return self._entry(rows[0]) if rows else None

    def compare_and_set(self, key: str, value: bytes, revision: int) -> int | None:
        """Write in a transaction; a key that is not there has the revision 0."""
        coded = self._coded(check_key(key))
        compare = {"result": "EQUAL", "target": "MOD", "key": coded, "mod_revision": str(revision)}
        put = {"request_put": {"key": coded, "value": b64encode(value).decode()}}
        found = self._ask("/v3/kv/txn", {"compare": [compare], "success": [put]})
        with self._understood():
            return int(found["header"]["revision"]) if found.get("succeeded") else None

    def entries(self, prefix: str) -> list[KeyEntry]:
        """Read all keys of the range at once."""
        found = self._range(prefix)
        with self._understood():
            return [self._entry(row) for row in found.get("kvs") or []]

    def watch(self, prefix: str, seconds: float) -> Iterator[KeyEntry]:
        """Read what is there, and then the server's stream of what changes from that revision on."""
        until = time.monotonic() + seconds
        found = self._range(prefix)
        with self._understood():
            entries = [self._entry(row) for row in found.get("kvs") or []]
            wanted = {**self._bounds(prefix), "start_revision": str(int(found["header"]["revision"]) + 1)}
        yield from entries
        if seconds <= 0:
            return
        # A connection of its own, which ends with this.
        connection = self._connect(self._addresses[0])
        try:
            connection.request("POST", "/v3/watch", json.dumps({"create_request": wanted}), self._headers())
            answer = connection.getresponse()
            stream = connection.sock
            while True:
                left = until - time.monotonic()
                if left <= 0 or stream is None:
                    return
                stream.settimeout(left)
                line = answer.readline(_MOST_BYTES)
                if not line:
                    raise StoreUnreachable(f"{self._name()} ended the watch; see its log")
                for event in (json.loads(line).get("result") or {}).get("events") or []:
                    if event.get("type", "PUT") == "PUT":
                        yield self._entry(event["kv"])
        except socket.timeout:
            return
        except (OSError, http.client.HTTPException, *_MALFORMED) as error:
            raise StoreUnreachable(self._unreachable(error)) from error
        finally:
            connection.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Raise ``StoreFault`` for an answer that has not the form that etcd gives it."""
        try:
            yield
        except _MALFORMED as error:
            words = f"{self._name()} answers what nobody understands: {error!r:.300}; correct rollout_store"
            raise StoreFault(words) from error

    def _range(self, prefix: str) -> dict[str, Any]:
        return self._ask("/v3/kv/range", {**self._bounds(prefix), "sort_target": "KEY", "sort_order": "ASCEND"})

    def _bounds(self, prefix: str) -> dict[str, str]:
        below = f"{self._prefix}{check_key(prefix)}/"
        # The first key that does not begin so: '0' comes after '/'.
        return {"key": _base64(below), "range_end": _base64(f"{below[:-1]}0")}

    def _coded(self, key: str) -> str:
        return _base64(f"{self._prefix}{key}")

    def _entry(self, row: dict[str, Any]) -> KeyEntry:
        key = b64decode(row["key"]).decode("utf-8", "replace")[len(self._prefix) :]
        return KeyEntry(key, b64decode(row.get("value") or ""), int(row["mod_revision"]))

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask any member, with a new login where the one before has expired."""
        failed: Exception | None = None
        # Twice each, since a connection that was kept may have been closed meanwhile.
        for address in self._addresses * 2:
            try:
                if self._connection is None:
                    self._connection = self._connect(address)
                    self._token = ""
                    self._hold_version()
                return self._answer(path, body)
            except StoreUnreachable as error:
                failed = error
            except (OSError, http.client.HTTPException) as error:
                failed = StoreUnreachable(self._unreachable(error))
                failed.__cause__ = error
            self.close()
        raise failed or StoreUnreachable(f"{self._name()} has no address")

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._login.user and not self._token:
            self._authenticate()
        status, found = self._request("POST", path, body)
        if status != 200 and any(words in _message(found) for words in _UNAUTHENTICATED) and self._login.user:
            self._authenticate()
            status, found = self._request("POST", path, body)
        if status == 200:
            return found
        message = _message(found)
        if any(words in message for words in _PASSING) or status >= 502:
            raise StoreUnreachable(f"{self._name()} cannot answer now: {message}; see the health of its members")
        raise StoreFault(self._refusal(message))

    def _authenticate(self) -> None:
        self._token = ""
        wanted = {"name": self._login.user, "password": self._login.password}
        status, found = self._request("POST", "/v3/auth/authenticate", wanted)
        message = _message(found)
        # Where nobody has to say who they are, any name will do.
        if status != 200 and "not enabled" in message:
            return
        token = found.get("token")
        # It goes into a header.
        if status != 200 or not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise StoreFault(f"{self._name()} refuses the user {self._login.user!r}: {message}; {_LOGIN}")
        self._token = token

    def _hold_version(self) -> None:
        """Raise ``StoreFault`` for a server whose gateway is another one."""
        status, found = self._request("GET", "/version", None)
        text = str(found.get("etcdserver") or "")
        major, minor = [*map(whole_number, text.split(".")), None, None][:2]
        if status != 200 or major is None or minor is None:
            raise StoreFault(f"{self._name()} is no etcd: /version answers with status {status}; correct rollout_store")
        if (major, minor) < _OLDEST:
            raise StoreFault(f"{self._name()} runs etcd {text}; expected 3.4 or newer: update it")

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        connection = self._connection
        if connection is None:
            raise StoreUnreachable(f"{self._name()} was left")
        content, headers = None if body is None else json.dumps(body), self._headers()

        def ask() -> tuple[int, bytes]:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)

        status, text = self._in_time(ask)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = {"error": text[:200].decode("utf-8", "replace")}
        return status, found if isinstance(found, dict) else {}

    def _in_time(self, ask: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
        """Ask on a thread, which is left alone when its time is over: a server may send a byte now and then."""
        found: list[tuple[int, bytes] | Exception] = []

        def work() -> None:
            try:
                found.append(ask())
            except Exception as error:
                found.append(error)

        seconds = _WHOLE * self._login.timeout
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if not found:
            # Who closes it here would wait for the thread that reads from it.
            self._connection = None
            raise socket.timeout(f"its answer was not whole within {seconds:g} s")
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        return {**headers, "Authorization": self._token} if self._token else headers

    def _connect(self, address: str) -> http.client.HTTPConnection:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        if self._tls is None:
            return http.client.HTTPConnection(host, int(port), timeout=self._login.timeout)
        return http.client.HTTPSConnection(host, int(port), timeout=self._login.timeout, context=self._tls)

    def _name(self) -> str:
        return f"etcd at {', '.join(self._addresses)}"

    def _refusal(self, message: str) -> str:
        denied = any(words in message for words in ("permission denied", *_UNAUTHENTICATED))
        if denied and self._login.user:
            who = f"the user {self._login.user!r} may not use keys below {self._prefix!r}"
            return f"{self._name()} refuses: {message}; {who}: grant the role of that user readwrite there"
        return f"{self._name()} refuses: {message}; {_LOGIN}" if denied else f"{self._name()} refuses: {message}"

    def _unreachable(self, error: BaseException) -> str:
        words = str(error) or type(error).__name__
        fix = "see that it runs, and that this machine reaches it"
        if isinstance(error, ssl.SSLError):
            fix = "give etcd+tls:// for a server with TLS, and in rollout_store.ca who has signed its certificate"
        elif isinstance(error, (http.client.RemoteDisconnected, http.client.BadStatusLine, ConnectionResetError)):
            fix = "see that it runs; a server with TLS wants etcd+tls:// in rollout_store"
        return f"{self._name()} cannot be reached: {words}; {fix}"


_LOGIN = "set rollout_store.user and rollout_store.password"


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _message(found: dict[str, Any]) -> str:
    return str(found.get("message") or found.get("error") or "no reason")[:300]
