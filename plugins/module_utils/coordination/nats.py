"""A key-value bucket of NATS JetStream as a store. Shipped to hosts: standard library only, Python 3.8.

The bucket has the form that NATS' own clients give it, so `nats kv` shows it. Reads are the leader's, never a
replica's, which may lag.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any, Callable, Iterator, Sequence, TypeVar

from .model import CoordinationStore, KeyEntry, StoreFault, StoreLogin, StoreUnreachable, check_key
from .nats_wire import NatsConnection, NatsMessage
from .tls import tls_context

__all__ = ["NatsStore"]

T = TypeVar("T")

_NO_MESSAGE, _NO_STREAM, _WRONG_REVISION, _TAKEN = 10037, 10059, 10071, 10058
_MOST_AT_ONCE = 500
_MOST_KEYS, _MOST_PAGES = 200_000, 20
# What comes of reading an answer that has another form.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


class NatsStore(CoordinationStore):
    """``addresses`` are the ``host:port`` of the servers, of which any will do; ``bucket`` is made on first use."""

    def __init__(
        self, addresses: Sequence[str], bucket: str, login: StoreLogin, *, tls: bool = False, replicas: int = 1
    ) -> None:
        self._addresses = list(addresses)
        self._bucket = bucket
        self._login = login
        self._replicas = replicas
        self._tls = tls_context(login) if tls else None
        self._connection: NatsConnection | None = None

    def get(self, key: str) -> KeyEntry | None:
        """Read the last message of the key's subject."""
        subject = self._subject(check_key(key))
        return self._tried(lambda connection: self._got(connection, [subject])[0])

    def compare_and_set(self, key: str, value: bytes, revision: int) -> int | None:
        """Publish with the sequence that the subject is expected to have; a key that is not there has 0."""
        headers = f"Nats-Expected-Last-Subject-Sequence: {revision}"

        def publish(connection: NatsConnection) -> int | None:
            subject = self._subject(check_key(key))
            answer = _json(connection, connection.ask([(subject, value, headers)])[0])
            if answer is None:
                # Nobody takes what is published: the bucket is not there yet.
                self._make_bucket(connection)
                answer = _json(connection, connection.ask([(subject, value, headers)])[0]) or {}
            error = answer.get("error") or {}
            if error.get("err_code") == _WRONG_REVISION:
                return None
            _hold(connection, answer)
            return int(answer["seq"])

        return self._tried(publish)

    def entries(self, prefix: str) -> list[KeyEntry]:
        """Ask the stream which subjects it has below the prefix, and then for each of them."""

        def read(connection: NatsConnection) -> list[KeyEntry]:
            wanted = {"subjects_filter": self._subject(f"{check_key(prefix)}/>"), "offset": 0}
            subjects: list[str] = []
            # Of each of which the server gives as much as it can.
            for _ in range(_MOST_PAGES):
                answer = self._api(connection, f"STREAM.INFO.KV_{self._bucket}", wanted)
                page = sorted((answer.get("state") or {}).get("subjects") or {})
                subjects += page
                wanted["offset"] = len(subjects)
                if not page or len(subjects) >= int(answer.get("total") or 0):
                    break
                if len(subjects) > _MOST_KEYS:
                    break
            else:
                raise StoreFault(f"{self._name()} lists the keys below {prefix} without an end; see who writes there")
            if len(subjects) > _MOST_KEYS:
                raise StoreFault(f"{self._name()} has more than {_MOST_KEYS} keys below {prefix}; see who writes there")
            found: list[KeyEntry | None] = []
            for start in range(0, len(subjects), _MOST_AT_ONCE):
                found += self._got(connection, subjects[start : start + _MOST_AT_ONCE])
            return [entry for entry in found if entry is not None]

        return self._tried(read)

    def watch(self, prefix: str, seconds: float) -> Iterator[KeyEntry]:
        """Read what is there, and then each key again that something was published on."""
        until = time.monotonic() + seconds
        seen: dict[str, int] = {}
        # A connection of its own, which ends with this, and which listens before anything is read.
        connection = self._connected() if seconds > 0 else None
        try:
            if connection is not None:
                connection.subscribe(self._subject(f"{check_key(prefix)}/>"))
            for entry in self.entries(prefix):
                seen[entry.key] = entry.revision
                yield entry
            while connection is not None:
                message = connection.next_published(until)
                if message is None:
                    return
                # What is published may have been refused, so only what is stored counts.
                found = self.get(self._key(message.subject))
                if found is not None and seen.get(found.key) != found.revision:
                    seen[found.key] = found.revision
                    yield found
        except OSError as error:
            raise StoreUnreachable(self._unreachable(error)) from error
        except _MALFORMED as error:
            raise self._odd(error) from error
        finally:
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _subject(self, key: str) -> str:
        return f"$KV.{self._bucket}.{key.replace('/', '.')}"

    def _key(self, subject: str) -> str:
        return subject[len(self._subject("")) :].replace(".", "/")

    def _got(self, connection: NatsConnection, subjects: list[str]) -> list[KeyEntry | None]:
        api = f"$JS.API.STREAM.MSG.GET.KV_{self._bucket}"
        asking = [(api, json.dumps({"last_by_subj": subject}).encode(), "") for subject in subjects]
        return [self._entry(connection, message) for message in connection.ask(asking)]

    def _entry(self, connection: NatsConnection, message: NatsMessage) -> KeyEntry | None:
        answer = _json(connection, message)
        if answer is None:
            raise StoreFault(_no_jetstream(connection))
        error = answer.get("error") or {}
        if error.get("err_code") in (_NO_MESSAGE, _NO_STREAM):
            return None
        row = _hold(connection, answer)["message"]
        if b"KV-Operation" in b64decode(row.get("hdrs") or ""):
            # Somebody has deleted the key, which Sluice never does; a mark of that has a revision.
            return None
        return KeyEntry(self._key(str(row["subject"])), b64decode(row.get("data") or ""), int(row["seq"]))

    def _api(self, connection: NatsConnection, name: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = _json(connection, connection.ask([(f"$JS.API.{name}", json.dumps(body).encode(), "")])[0])
        if answer is None:
            raise StoreFault(_no_jetstream(connection))
        if (answer.get("error") or {}).get("err_code") == _NO_STREAM:
            return {}
        return _hold(connection, answer)

    def _make_bucket(self, connection: NatsConnection) -> None:
        wanted = {
            "name": f"KV_{self._bucket}",
            "subjects": [self._subject(">")],
            "max_msgs_per_subject": 1,
            "discard": "new",
            "storage": "file",
            "num_replicas": self._replicas,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
        }
        body = json.dumps(wanted).encode()
        answer = _json(connection, connection.ask([(f"$JS.API.STREAM.CREATE.KV_{self._bucket}", body, "")])[0])
        if answer is None:
            raise StoreFault(_no_jetstream(connection))
        # Another controller may have been faster, with other settings.
        if (answer.get("error") or {}).get("err_code") != _TAKEN:
            _hold(connection, answer)

    def _connected(self) -> NatsConnection:
        failed: Exception | None = None
        for address in self._addresses:
            try:
                return NatsConnection(address, self._login, self._tls)
            except StoreUnreachable as error:
                failed = error
            except OSError as error:
                failed = StoreUnreachable(self._unreachable(error))
                failed.__cause__ = error
        raise failed or StoreUnreachable("rollout_store names no server")

    def _tried(self, work: Callable[[NatsConnection], T]) -> T:
        """Do the work, once more where a connection that was kept is gone meanwhile."""
        was_kept = self._connection is not None
        try:
            return self._worked(work)
        except StoreUnreachable:
            if not was_kept:
                raise
            return self._worked(work)

    def _worked(self, work: Callable[[NatsConnection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connected()
            return work(self._connection)
        except StoreFault:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise StoreUnreachable(self._unreachable(error)) from error
        except _MALFORMED as error:
            self.close()
            raise self._odd(error) from error

    def _odd(self, error: Exception) -> StoreFault:
        return StoreFault(f"{self._name()} answers what nobody understands: {error!r:.300}; correct rollout_store")

    def _name(self) -> str:
        return f"NATS at {', '.join(self._addresses)}"

    def _unreachable(self, error: BaseException) -> str:
        fix = "see that it runs, and that this machine reaches it"
        if "SSL" in type(error).__name__.upper():
            fix = "give in rollout_store.ca who has signed its certificate"
        return f"{self._name()} cannot be reached: {error}; {fix}"


def _json(connection: NatsConnection, message: NatsMessage) -> dict[str, Any] | None:
    """Return an answer; None where nobody is there to give one."""
    if message.status.startswith("503"):
        return None
    found = json.loads(message.data)
    if not isinstance(found, dict):
        raise StoreFault(f"{connection.name} answers what nobody understands; correct rollout_store")
    return found


def _hold(connection: NatsConnection, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that is no error. Raises what it is else."""
    error = answer.get("error")
    if not error:
        return answer
    words = f"{connection.name} refuses: {error.get('description') or error}"
    if int(error.get("code") or 0) >= 503:
        raise StoreUnreachable(f"{words}; see the health of its cluster")
    raise StoreFault(words)


def _no_jetstream(connection: NatsConnection) -> str:
    return f"{connection.name} has no JetStream, or not for this user; start it with --jetstream, and grant $JS.API.>"
