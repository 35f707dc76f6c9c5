"""The authority of staging, in the judge's container: Pebble, and what it and the judge see of challenges.

What it says counts, since nothing that runs beside nginx reaches it: it asks nginx for each token itself, and only it
can sign a certificate.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from .common import HOME, connects, read_file, wait_for
from .requests import Connection, Silent, connect

__all__ = ["authority", "challenged", "issued", "served"]

_FOLDER = HOME / "authority"
_LOG = _FOLDER / "log"
_ISSUED = "Issued certificate serial"
_ISSUER = b"Pebble Intermediate CA"
_TIMEOUT = 5.0
# It makes keys before it listens, which takes its time on a busy machine.
_KEYS_SECONDS = 120.0
_SERVED_SECONDS = 5.0
# Let's Encrypt follows as many, and to these ports only.
_MOST_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_A, _AAAA = 1, 28
_LOCAL = "127.0.0.1"


def authority(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Start Pebble, which resolves names to ``addresses`` (name → port → address); tell its directory's URL."""
    (wanted,) = rows
    _FOLDER.mkdir(exist_ok=True)
    chain, key = plan["spare"]
    (_FOLDER / "chain.pem").write_text(chain)
    (_FOLDER / "key.pem").write_text(key)
    resolver = _resolve({name: by_port.get("80", _LOCAL) for name, by_port in wanted["addresses"].items()})
    port, management = _free(), _free()
    (_FOLDER / "config.json").write_text(
        json.dumps(
            {
                "pebble": {
                    "listenAddress": f"{_LOCAL}:{port}",
                    "managementListenAddress": f"{_LOCAL}:{management}",
                    "certificate": str(_FOLDER / "chain.pem"),
                    "privateKey": str(_FOLDER / "key.pem"),
                    "httpPort": _PORTS["http"],
                    "tlsPort": _PORTS["https"],
                    "ocspResponderURL": "",
                    "externalAccountBindingRequired": False,
                }
            }
        )
    )
    # Without the faults that it makes by itself, to try clients.
    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    command = ["pebble", "-dnsserver", f"{_LOCAL}:{resolver}", "-config", str(_FOLDER / "config.json")]
    with _LOG.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the authority of staging ended with {process.returncode}: {read_file(_LOG)[-400:]}")
        return connects(_LOCAL, port)

    wait_for("the authority of staging (pebble)", ready, _KEYS_SECONDS)
    return {"url": f"https://localhost:{port}/dir"}


def _free() -> int:
    with socket.create_server((_LOCAL, 0)) as taken:
        return int(taken.getsockname()[1])


def _resolve(addresses: dict[str, str]) -> int:
    """Answer for names in a thread of its own; return the port. Any other name leads to this container."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((_LOCAL, 0))

    def serve() -> None:
        while True:
            asked, whom = server.recvfrom(4096)
            with contextlib.suppress(IndexError, struct.error, OSError, UnicodeDecodeError):
                server.sendto(_said(asked, addresses), whom)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def _said(asked: bytes, addresses: dict[str, str]) -> bytes:
    labels, at = [], 12
    while asked[at]:
        labels.append(asked[at + 1 : at + 1 + asked[at]].decode("ascii"))
        at += asked[at] + 1
    (kind,) = struct.unpack(">H", asked[at + 1 : at + 3])
    address = addresses.get(".".join(labels).lower(), _LOCAL)
    family, wanted = (socket.AF_INET6, _AAAA) if ":" in address else (socket.AF_INET, _A)
    head = asked[:2] + b"\x84\x00" + b"\x00\x01" + struct.pack(">H", int(kind == wanted)) + b"\x00" * 4
    question = asked[12 : at + 5]
    if kind != wanted:
        return head + question
    data = socket.inet_pton(family, address)
    return head + question + b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def challenged(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask for the token of each ``name`` at ``path`` as an authority does, and tell what is ``wrong`` with the answer.

    The first row has ``addresses``. Redirects are followed as Let's Encrypt follows them.
    """
    settings, *wanted = rows
    return {"answers": [_fetched(row, settings["addresses"]) for row in wanted]}


def _fetched(row: dict[str, Any], addresses: dict[str, dict[str, str]]) -> dict[str, Any]:
    chain = [f"http://{row['name']}{row['path']}"]
    status: int | None = None
    for _ in range(_MOST_REDIRECTS + 1):
        url = urlsplit(chain[-1])
        host, wrong = (url.hostname or "").lower(), _refused(chain[-1])
        if not wrong and host not in addresses:
            wrong = f"it leads to {host}, for which this release has no server"
        if wrong:
            return {"wrong": wrong, "chain": chain, "status": status}
        try:
            answer = _asked(url.scheme, host, url.path or "/", addresses[host])
        except Silent as silent:
            return {"wrong": str(silent), "chain": chain, "status": None}
        status = int(answer["status"] or 0)
        location = next((value for name, value in answer["headers"] if name.lower() == "location"), "")
        if status in _REDIRECTS and location:
            chain.append(location if "://" in location else f"{url.scheme}://{host}{location}")
            continue
        body = answer["body"].decode("utf-8", "replace").strip()
        good = status == 200 and body == row["content"]
        wrong = "" if good else "another file" if status == 200 else f"status {status}"
        return {"wrong": wrong, "chain": chain, "status": status}
    return {"wrong": f"more than {_MOST_REDIRECTS} redirects", "chain": chain, "status": status}


def _refused(url: str) -> str:
    """Return why an authority would not go to a URL."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        return f"it leads to {parts.scheme}:, where no authority goes"
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port not in (None, *_PORTS.values()):
        return f"it leads to port {port}, and authorities go to 80 and 443 only"
    return ""


def _asked(scheme: str, host: str, target: str, by_port: dict[str, str]) -> dict[str, Any]:
    port = _PORTS[scheme]
    address = by_port.get(str(port), "")
    if not address:
        raise Silent(f"nothing listens on port {port} for {host}")
    row = {"connect": address, "port": port, "scheme": scheme, "host": host, "authority": host, "proxied": False}
    row |= {"method": "GET", "target": target, "headers": {}, "body": 0, "said": ""}
    made = Connection(row, "", _TIMEOUT)
    try:
        return made.ask(row, 0)
    finally:
        made.close()


def issued(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many certificates the authority has signed, and its last words about a challenge that failed."""
    lines = read_file(_LOG).splitlines()
    failed = [line for line in lines if "INVALID" in line or "There was an error" in line]
    return {"count": sum(_ISSUED in line for line in lines), "words": failed[-1][-400:] if failed else ""}


def served(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return whether nginx shows a certificate of the authority for each ``name`` at ``address``, within some
    seconds.
    """
    until = time.monotonic() + _SERVED_SECONDS
    found = []
    for row in rows:
        shown = _shows(row)
        while not shown and time.monotonic() < until:
            time.sleep(0.05)
            shown = _shows(row)
        found.append(shown)
    return {"shown": found}


def _shows(row: dict[str, Any]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            connect(row["address"], 443, _TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=row["name"]) as line,
        ):
            return _ISSUER in (line.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return False
