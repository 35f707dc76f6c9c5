"""One contract for all stores, held by each: the folder, a real NATS, a real etcd; and what is said of faults."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import (
    CoordinationStore,
    StoreFault,
    StoreLogin,
    StoreUnreachable,
    key_part,
)
from tests.integration.coordination.servers import KINDS, Server, certificates, etcd, nats, unused

Opener = Callable[[], CoordinationStore]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with contextlib.ExitStack() as running:
        found = {"file": f"file://{tmp_path_factory.mktemp('file')}/store"}
        for kind, begin in KINDS.items():
            server = running.enter_context(begin(tmp_path_factory.mktemp(kind)))
            server.ready(StoreLogin(server.url))
            found[kind] = server.url
        yield found


@pytest.fixture(params=["file", "nats", "etcd"])
def opened(request: pytest.FixtureRequest, urls: dict[str, str]) -> Iterator[Opener]:
    """Make as many clients as one likes of the same store."""
    with contextlib.ExitStack() as closing:

        def client() -> CoordinationStore:
            store = open_store(StoreLogin(urls[request.param]))
            closing.callback(store.close)
            return store

        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Keys of a test of its own."""
    return key_part(request.node.name)


def test_a_key_that_nobody_made_is_not_there(opened: Opener, name: str) -> None:
    assert opened().get(f"{name}/nothing") is None
    assert opened().entries(name) == []


def test_create_makes_a_key_once(opened: Opener, name: str) -> None:
    one, other = opened(), opened()
    revision = one.create(f"{name}/plan", b"the first")
    assert revision
    assert other.create(f"{name}/plan", b"the second") is None
    found = other.get(f"{name}/plan")
    assert found is not None
    assert (found.key, found.value, found.revision) == (f"{name}/plan", b"the first", revision)


def test_compare_and_set_wants_the_revision_that_is_there(opened: Opener, name: str) -> None:
    one, other = opened(), opened()
    key = f"{name}/decision"
    first = one.create(key, b"undecided")
    assert first
    second = other.compare_and_set(key, b"confirm", first)
    assert second
    assert second > first
    assert one.compare_and_set(key, b"rollback", first) is None
    assert one.compare_and_set(key, b"rollback", second + 1000) is None
    found = one.get(key)
    assert found is not None
    assert (found.value, found.revision) == (b"confirm", second)


def test_of_many_at_once_one_wins(opened: Opener, name: str) -> None:
    """As contenders for the one decision are."""
    key = f"{name}/decision"
    first = opened().create(key, b"undecided")
    assert first
    gate, won = threading.Barrier(12), []
    stores = [opened() for _ in range(12)]

    def contend(number: int) -> None:
        gate.wait()
        if stores[number].compare_and_set(key, str(number).encode(), first):
            won.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    found = opened().get(key)
    assert found is not None
    assert found.value == str(won[0]).encode()


@pytest.mark.parametrize("value", [b"", b"a\nb\r\n\x00\xff", b"x" * 200_000], ids=["empty", "binary", "long"])
def test_values_come_back_as_they_were(opened: Opener, name: str, value: bytes) -> None:
    key = f"{name}/{len(value)}"
    opened().create(key, value)
    found = opened().get(key)
    assert found is not None
    assert found.value == value


def test_entries_are_those_below_a_prefix(opened: Opener, name: str) -> None:
    store = opened()
    hosts = [key_part(host) for host in ("web1.example.org", "web2", "wéb", "web1=example")]
    assert len(set(hosts)) == len(hosts)
    for host in hosts:
        store.create(f"{name}/acks/1/{host}", host.encode())
    store.create(f"{name}/acks2/1/other", b"")
    store.create(f"{name}/plan", b"")
    found = opened().entries(f"{name}/acks")
    assert [entry.key for entry in found] == sorted(f"{name}/acks/1/{host}" for host in hosts)
    assert {entry.value.decode() for entry in found} == set(hosts)


def test_watch_yields_what_is_there_and_what_comes(opened: Opener, name: str) -> None:
    store, writer = opened(), opened()
    first = writer.create(f"{name}/watched/1", b"before")
    writer.create(f"{name}/other", b"elsewhere")

    def write() -> None:
        time.sleep(0.4)
        late = opened()
        late.create(f"{name}/watched/2", b"created")
        # What is refused is no change.
        late.create(f"{name}/watched/1", b"refused")
        late.compare_and_set(f"{name}/watched/1", b"changed", first or 0)

    thread = threading.Thread(target=write)
    thread.start()
    seen = [(entry.key.rpartition("/")[2], entry.value) for entry in store.watch(f"{name}/watched", 2)]
    thread.join()
    assert seen == [("1", b"before"), ("2", b"created"), ("1", b"changed")]
    assert {entry.value for entry in store.watch(f"{name}/watched", 0)} == {b"changed", b"created"}


def test_watch_ends_in_time(opened: Opener, name: str) -> None:
    began = time.monotonic()
    assert list(opened().watch(f"{name}/empty", 0.5)) == []
    assert 0.4 < time.monotonic() - began < 2


def test_hundreds_of_keys_are_read_in_seconds(opened: Opener, name: str) -> None:
    store = opened()
    for number in range(300):
        assert store.create(f"{name}/acks/{number:04}", b"{}")
    began = time.monotonic()
    assert len(store.entries(f"{name}/acks")) == 300
    assert time.monotonic() - began < 5


@pytest.fixture(params=["nats", "etcd"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with KINDS[request.param](tmp_path) as running:
        running.ready(StoreLogin(running.url))
        yield running


def test_what_was_stored_outlives_the_server(server: Server) -> None:
    store = open_store(StoreLogin(server.url, timeout=2))
    assert store.create("rollout/plan", b"signed")
    server.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match=r"cannot be reached: .*; see that it runs"):
        store.get("rollout/plan")
    assert time.monotonic() - began < 5
    server.start()
    server.ready(StoreLogin(server.url))
    found = store.get("rollout/plan")
    assert found is not None
    assert found.value == b"signed"
    assert store.create("rollout/plan", b"another") is None


def test_a_server_that_hangs_is_given_up_in_time(server: Server) -> None:
    store = open_store(StoreLogin(server.url, timeout=1))
    store.get("rollout/plan")
    server.hang()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable):
        store.get("rollout/plan")
    assert time.monotonic() - began < 5
    server.go_on()
    assert store.get("rollout/plan") is None


@pytest.mark.parametrize("kind", ["nats", "etcd"])
def test_a_server_that_is_not_there_is_named(kind: str) -> None:
    address = unused()
    with pytest.raises(StoreUnreachable, match=f"{address} cannot be reached: .*; see that it runs"):
        open_store(StoreLogin(f"{kind}://{address}", timeout=1)).get("plan")


@pytest.mark.parametrize("kind", ["nats", "etcd"])
def test_another_server_is_no_store(kind: str) -> None:
    """What listens there answers as something else does: SSH."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
                    client.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f"{kind}://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(StoreFault, match=r"is no NATS server|cannot be reached"):
            open_store(StoreLogin(url, timeout=1)).get("plan")


def test_a_second_server_of_the_list_is_asked(server: Server) -> None:
    kind, _, address = server.url.partition("://")
    store = open_store(StoreLogin(f"{kind}://{unused()},{address}/fleet", timeout=2))
    assert store.create("plan", b"there")
    assert store.get("plan") is not None


SECRET = "hunter2-hunter2"


@contextlib.contextmanager
def _with_login(kind: str, folder: Path) -> Iterator[Server]:
    """A server that wants a user, and lets `reader` read only."""
    if kind == "nats":
        config = folder / "nats.conf"
        config.write_text(
            "authorization { users = [ {user: sluice, password: " + json.dumps(SECRET) + "}, "
            "{user: reader, password: " + json.dumps(SECRET) + ', permissions: {publish: ["$JS.API.STREAM.MSG.GET.>"], '
            'subscribe: ["_INBOX.>"]}} ] }\n'
        )
        with nats(folder / "server", "--config", str(config)) as running:
            yield running
        return
    with etcd(folder / "server") as running:
        running.ready(StoreLogin(running.url))
        # By etcd's own client, as an administrator does it.
        endpoint = running.url.replace("etcd://", "http://")
        for command in (
            ["user", "add", f"root:{SECRET}"],
            ["user", "add", f"sluice:{SECRET}"],
            ["user", "add", f"reader:{SECRET}"],
            ["user", "grant-role", "root", "root"],
            ["role", "add", "writers"],
            ["role", "add", "readers"],
            ["role", "grant-permission", "writers", "readwrite", "/sluice/", "/sluice0"],
            ["role", "grant-permission", "readers", "read", "/sluice/", "/sluice0"],
            ["user", "grant-role", "sluice", "writers"],
            ["user", "grant-role", "reader", "readers"],
            ["auth", "enable"],
        ):
            argv = ["etcdctl", "--endpoints", endpoint, *command]
            env = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}
            done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
            assert done.returncode == 0, (command[:2], done.stderr)
        yield running


@pytest.mark.parametrize("kind", ["nats", "etcd"])
def test_who_may_do_what_is_the_servers_to_say(kind: str, tmp_path: Path) -> None:
    with _with_login(kind, tmp_path) as running:
        good = StoreLogin(running.url, "sluice", SECRET, timeout=2)
        running.ready(good)
        assert open_store(good).create("plan", b"signed")
        reader = open_store(StoreLogin(running.url, "reader", SECRET, timeout=2))
        found = reader.get("plan")
        assert found is not None
        assert found.value == b"signed"
        with pytest.raises(StoreFault, match=r"refuses: .*ermission"):
            reader.compare_and_set("plan", b"another", found.revision)
        for login in (StoreLogin(running.url, "sluice", f"{SECRET}x"), StoreLogin(running.url)):
            with pytest.raises(StoreFault, match=r"set rollout_store\.user and rollout_store\.password") as said:
                open_store(login).get("plan")
            assert SECRET not in str(said.value)
            assert SECRET not in repr(login)


@pytest.mark.parametrize("kind", ["nats", "etcd"])
def test_a_server_with_tls_is_verified(kind: str, tmp_path: Path) -> None:
    certificate, key = certificates(tmp_path)
    if kind == "nats":
        options = ["--tls", "--tlscert", str(certificate), "--tlskey", str(key)]
    else:
        options = [f"--cert-file={certificate}", f"--key-file={key}"]
    with KINDS[kind](tmp_path / "server", *options, scheme=f"{kind}+tls") as running:
        trusting = StoreLogin(running.url, ca=certificate.read_text(), timeout=2)
        running.ready(trusting)
        assert open_store(trusting).create("plan", b"there")
        with pytest.raises(StoreUnreachable, match=r"rollout_store\.ca"):
            open_store(StoreLogin(running.url, timeout=2)).get("plan")
        with pytest.raises(StoreFault, match=rf"{kind}\+tls://"):
            open_store(StoreLogin(running.url.replace("+tls", ""), timeout=2)).get("plan")


def test_a_server_without_jetstream_is_no_store(tmp_path: Path) -> None:
    with nats(tmp_path, "--no-jetstream") as running, pytest.raises(StoreFault, match="has no JetStream"):
        _until_it_listens(running)


def _until_it_listens(running: Server) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            open_store(StoreLogin(running.url)).get("plan")
        except StoreUnreachable:
            assert time.monotonic() < until
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("kind", "greeting", "words"),
    [
        ("nats", b'INFO {"version":"2.2.6","headers":true}\r\n', "runs version 2.2.6; expected 2.9 or newer"),
        (
            "etcd",
            b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"etcdserver": "3.3.27"}',
            "runs etcd 3.3.27; expected 3.4 or newer",
        ),
    ],
)
def test_a_server_that_is_too_old_is_told_apart(kind: str, greeting: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            client, _ = listening.accept()
            client.sendall(greeting)
            client.recv(4096)

        threading.Thread(target=answer, daemon=True).start()
        url = f"{kind}://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(StoreFault, match=words):
            open_store(StoreLogin(url, timeout=2)).get("plan")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreFault, match="cannot be written"):
        open_store(StoreLogin(f"file://{tmp_path}/store")).create("plan", b"")
