"""Which store an address means. Shipped to hosts: standard library only, Python 3.8."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from .model import CoordinationStore, StoreLogin

__all__ = ["FORMS", "open_store"]

FORMS = "file, file:///FOLDER, nats://HOST:4222/BUCKET, etcd://HOST:2379/PREFIX, or nats+tls:// and etcd+tls://"
_URL = re.compile(r"(?P<kind>nats|etcd)(?P<tls>\+tls)?://(?P<hosts>[^/?#]+)(?:/(?P<name>[A-Za-z0-9_-]+))?/?\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?\Z")
_PORTS = {"nats": 4222, "etcd": 2379}
_NAME = "sluice"


def open_store(login: StoreLogin, folder: Path | None = None) -> CoordinationStore:
    """Return the store that ``login.url`` means; nothing is asked yet. ``folder`` is where ``file`` is.

    Raises ``InputError`` for what is no address of a store.
    """
    url = login.url.strip()
    if url == "file" or url.startswith("file:"):
        from .file_store import FileStore

        path = Path(url[len("file://") :]) if url.startswith("file:///") else folder
        if path is None or (url != "file" and not url.startswith("file:///")):
            raise InputError("rollout_store", f"{url!r} is no store; give {FORMS}")
        return FileStore(path, login.timeout)
    if "@" in url:
        words = "the address has a user in it, which logs would show; set rollout_store.user and rollout_store.password"
        raise InputError("rollout_store", words)
    found = _URL.match(url)
    if found is None:
        raise InputError("rollout_store", f"{url!r} is no store; give {FORMS}")
    kind, name, tls = found["kind"], found["name"] or _NAME, bool(found["tls"])
    addresses = _addresses(found["hosts"], _PORTS[kind])
    if kind == "etcd":
        from .etcd import EtcdStore

        return EtcdStore(addresses, f"/{name}/", login, tls=tls)
    from .nats import NatsStore

    return NatsStore(addresses, name, login, tls=tls, replicas=3 if len(addresses) >= 3 else 1)


def _addresses(hosts: str, usual: int) -> list[str]:
    found = []
    for host in hosts.split(","):
        match = _HOST.match(host)
        if match is None or (match["port"] and not 0 < int(match["port"]) < 1 << 16):
            raise InputError("rollout_store", f"{host!r} is no address; give HOST:PORT, several with commas between")
        found.append(host if match["port"] else f"{host}:{usual}")
    return found
