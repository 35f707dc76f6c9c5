"""Lets a new host begin to pull: its engine, who may sign for it, and the timer, from what is published.

``python3 -IS join.py --source URL --name NAME --fingerprint SHA256:…``, as root. The fingerprint is that of the key
that signs; nothing that comes is run before a signature of that key was verified. It needs ssh-keygen and stands alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

_MOST = 64 << 20
_SECONDS = 60.0
_TRUST = "sluice-trust"
_ADMITTED = "/var/lib/sluice/admitted.json"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Follow none: the source is where it is said to be."""


def _end(words: str) -> NoReturn:
    sys.exit(f"join.py: {words}")


class _PublishedPlace:
    """Where what is published is read from."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._url = str(given.read_from or given.source)
        scheme = urlsplit(self._url).scheme
        if scheme not in ("https", "file") and not (scheme == "http" and given.plain_http):
            _end(
                f"{self._url!r} cannot be read from here; expected https:// or file:// (for a git repository, clone it "
                "and name the clone by --read-from file:///FOLDER)"
            )
        name, _, value = given.header.partition(": ")
        self._headers = {name: value} if name else {}
        try:
            self._context = ssl.create_default_context(cafile=given.ca or None)
        except (OSError, ValueError) as error:
            _end(f"--ca: {given.ca} cannot be used: {error}; expected a PEM file")

    def read(self, path: str) -> bytes:
        """Return a file, of at most so many bytes and in so many seconds."""
        url = f"{self._url.rstrip('/')}/{path}"
        # Of all together: a server may send a byte now and then.
        signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, _SECONDS)
        try:
            if url.startswith("file:"):
                with open(unquote(urlsplit(url).path), "rb") as file:
                    data = file.read(_MOST + 1)
            else:
                data = self._downloaded(url)
        except (OSError, ValueError, HTTPException) as error:
            _end(f"{url} cannot be read: {str(error) or type(error).__name__}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if len(data) > _MOST:
            _end(f"{url} has more than {_MOST} bytes")
        return data

    def _downloaded(self, url: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self._context), _NoRedirect())
        with opener.open(urllib.request.Request(url, headers=self._headers), timeout=15) as answer:
            return bytes(answer.read(_MOST + 1))


def _late(*_: Any) -> NoReturn:
    raise TimeoutError(f"it was not there within {_SECONDS:g} s")


def _verified(form: Any, fingerprint: str) -> dict[str, Any]:
    """Return the statement that says who may sign, once the key of the fingerprint has signed it."""
    try:
        statement, signature = form["statement"], str(form["signature"])
        signed = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
        expires, kind = str(statement["expires"]), statement["kind"]
    except (KeyError, TypeError, ValueError):
        _end("what is published does not say who may sign; set rollout_allowed_signers where it is published")
    with tempfile.TemporaryDirectory(prefix="sluice-join-") as folder:
        path = os.path.join(folder, "signature")
        with open(path, "w", encoding="ascii", errors="replace") as file:
            file.write(signature)
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", _TRUST, "-s", path]
        try:
            done = subprocess.run(
                command, input=signed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _end(f"the signature cannot be verified: {error}; install openssh-client")
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode or fingerprint not in said.split():
        _end(f"who may sign is not signed by the key {fingerprint}: {said.strip()[:300]}; nothing was done")
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    if kind != "trust" or expires <= at:
        _end(f"what says who may sign expired at {expires}, or says something else; deploy again, which publishes anew")
    return dict(statement)


def _hold_to_newest(statement: dict[str, Any]) -> None:
    """End where this host was told something newer: what was signed before would lead it back to others' keys."""
    try:
        with open(_ADMITTED, "rb") as file:
            newest = int(json.load(file)["trust"][0])
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return
    if int(statement["number"]) < newest:
        _end(
            f"who may sign was signed at {statement['at']}, before what this host was told last; nothing was done. "
            "See what is at the source, and who writes there; an administrator may run sluice.nginx.trust"
        )


def _engine(place: _PublishedPlace, part: Any, digest: str) -> bytes:
    """Return the engine of the digest, as it is published."""
    named = str(part.get("sha256")) if isinstance(part, dict) else ""
    if len(named) != 64 or not named.isalnum():
        _end("what is published names no engine")
    data = place.read(f"content/{named}.engine")
    reading = zlib.decompressobj()
    try:
        content = reading.decompress(data, _MOST)
    except zlib.error as error:
        _end(f"the engine that is published cannot be unpacked: {error}")
    if not reading.eof or hashlib.sha256(content).hexdigest() != digest:
        _end("the engine that is published is not the one that was signed")
    return data


def _handler(packed: bytes, digest: str) -> Any:
    """Return what answers requests, out of the engine that was verified."""
    sources = json.loads(zlib.decompress(packed))
    space: dict[str, Any] = {}
    exec(sources["sluice/engine/install.py"], space)
    codes = space["install"](sources, digest, "/var/lib/sluice", True)
    loading: dict[str, Any] = {}
    exec(sources["sluice/engine/loading.py"], loading)
    sys.meta_path.insert(0, loading["Modules"](codes))
    from importlib import import_module

    return import_module("sluice.engine.main").handle


def _asked(handle: Any, request: dict[str, Any], bundle: bytes = b"") -> None:
    answer = handle({"run": {"id": "join", "who": "join.py", "from": "this host"}, **request}, bundle)
    for warning in answer["warnings"]:
        print(f"join.py: {warning}")
    if answer.get("cron"):
        print(f"join.py: this host has no systemd; add this line to /etc/crontab: {answer['cron']}")
    if not answer["ok"]:
        _end("; ".join(f"{problem['what']}; {problem.get('fix', '')}" for problem in answer["problems"]))


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let this host pull what is published for it.")
    parser.add_argument("--source", required=True, help="where it is published")
    parser.add_argument("--name", required=True, help="the name for which it is published")
    parser.add_argument("--fingerprint", required=True, help="of the key that signs, as SHA256:…")
    parser.add_argument("--interval", type=int, default=300, help="seconds between two looks")
    parser.add_argument("--header", default="", help="a line that is sent along, as Authorization: Bearer TOKEN")
    parser.add_argument("--ca", default="", help="a PEM file of who has signed the source's certificate")
    parser.add_argument("--plain-http", action="store_true", help="allow a source without TLS")
    parser.add_argument("--read-from", default="", help="read from there now, and from the source later")
    return parser.parse_args()


def main() -> None:
    """Begin."""
    given = _given()
    if os.geteuid() != 0:
        _end("it must be root")
    os.umask(0o022)
    place = _PublishedPlace(given)
    try:
        found = json.loads(place.read("fleet.json"))
        trust, sources = found.get("trust"), found.get("sources")
    except (ValueError, AttributeError, RecursionError) as error:
        _end(f"fleet.json is none: {error}")
    statement = _verified(trust, given.fingerprint)
    _hold_to_newest(statement)
    packed = _engine(place, sources, str(statement.get("engine")))
    handle = _handler(packed, str(statement.get("engine")))
    _asked(handle, {"op": "trust", "statement": statement, "signature": ""}, packed)
    settings = {name: getattr(given, name) for name in ("source", "name", "interval", "header", "ca", "plain_http")}
    _asked(handle, {"op": "pull", "settings": settings})
    # Now, and not when the timer says so: the host is new.
    sys.stdout.flush()
    os.execv("/usr/local/sbin/sluice-pull", ["sluice-pull"])


if __name__ == "__main__":
    main()
