"""What ``join.py`` reads and believes before anything of it is run."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign
from ansible_collections.sluice.nginx.plugins.module_utils.publishing import join
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from tests.unit.engine.pulling import make_key

Answer = Callable[[socket.socket], None]
Start = Callable[[Answer], str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server that answers each connection as a test says; returns its address."""
    with contextlib.ExitStack() as stack:

        def made(answer: Answer) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with contextlib.suppress(OSError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(1000)
                        answer(connection)

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield made


def place(source: str, **more: Any) -> join._PublishedPlace:
    given = {"source": source, "read_from": "", "plain_http": True, "header": "", "ca": "", **more}
    return join._PublishedPlace(argparse.Namespace(**given))


def _dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.05)


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def _says(data: bytes) -> Answer:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_dripping, "was not there within 1 s"),
        (_endless, "has more than 1000 bytes"),
        (_says(b"nothing\r\n\r\n"), "cannot be read: nothing"),
        (_says(b""), "cannot be read"),
        (_says(b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"), "cannot be read: HTTP Error 302"),
    ],
)
def test_a_hostile_server_is_read_within_bounds(
    start: Start, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setattr(join, "_SECONDS", 1.0)
    monkeypatch.setattr(join, "_MOST", 1000)
    with pytest.raises(SystemExit, match=words):
        place(start(answer)).read("fleet.json")


def test_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text("{}")
    assert place("git+https://x/y", read_from=f"file://{tmp_path}").read("fleet.json") == b"{}"
    with pytest.raises(SystemExit, match="No such file"):
        place(f"file://{tmp_path}").read("none")
    for source, more, words in (
        ("git+https://x/y", {}, "clone it"),
        ("http://x/y", {"plain_http": False}, "cannot be read from here"),
        ("https://x/y", {"ca": str(tmp_path / "none")}, "expected a PEM file"),
    ):
        with pytest.raises(SystemExit, match=words):
            place(source, **more)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "ann")


def signed(key: Path, namespace: str = receipts.TRUST_NAMESPACE, **changes: Any) -> dict[str, Any]:
    statement = {**receipts.state("trust", now(), 1, "production", signers="", engine="e"), **changes}
    return {"statement": statement, "signature": sign(receipts.canonical(statement), key, namespace)}


def fingerprint(key: Path) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", str(key)], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def test_what_the_key_has_signed_is_believed(key: Path) -> None:
    assert join._verified(signed(key), fingerprint(key))["engine"] == "e"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda key: {**signed(key), "statement": signed(key, engine="f")["statement"]}, "is not signed by the key"),
        (lambda key: signed(make_key(key.with_name("eve"))), "is not signed by the key"),
        (lambda key: signed(key, "sluice-receipt"), "is not signed by the key"),
        (lambda key: signed(key, kind="engine"), "says something else"),
        (lambda key: signed(key, expires="2020-01-01T00:00:00.000Z"), "expired at 2020"),
        (lambda key: {**signed(key), "signature": "\udcff"}, "is not signed by the key"),
        (lambda key: None, "does not say who may sign"),
        (lambda key: {"statement": 1, "signature": ""}, "does not say who may sign"),
    ],
)
def test_anything_else_is_not(key: Path, harm: Callable[[Path], Any], words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        join._verified(harm(key), fingerprint(key))


def test_a_host_that_was_told_something_newer_is_not_led_back(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement, admitted = signed(key)["statement"], tmp_path / "admitted.json"
    monkeypatch.setattr(join, "_ADMITTED", str(admitted))
    for text in (None, "", "[]", json.dumps({"receipt": [1, ""]}), json.dumps({"trust": [statement["number"], ""]})):
        if text is not None:
            admitted.write_text(text)
        join._hold_to_newest(statement)
    admitted.write_text(json.dumps({"trust": [statement["number"] + 1, ""]}))
    with pytest.raises(SystemExit, match="before what this host was told last; nothing was done"):
        join._hold_to_newest(statement)
