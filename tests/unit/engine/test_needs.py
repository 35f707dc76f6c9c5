"""Whether a host has what a release needs: real files, sockets, users and names of this machine."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.closest_match import closest_path, closest_port
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs import endpoints
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs.document_roots import is_misspelt
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs.inspect import look, unmet
from ansible_collections.sluice.nginx.plugins.module_utils.engine.needs.network import in_time
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from tests.commands import make_certificate

MODULES = ["ngx_http_geoip_module.so", "ngx_stream_module.so"]
Ask = Callable[..., tuple[bool, str, str]]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "etc/nginx").mkdir(parents=True)
    return Session(System(), Layout(tmp_path / "sluice", tmp_path / "etc/nginx"), {})


@pytest.fixture
def ask(session: Session) -> Ask:
    """Look at one need: whether it is met, what was seen, and what is near."""

    def one(kind: str, value: object, **more: object) -> tuple[bool, str, str]:
        (found,) = look(session, [{"kind": kind, "value": str(value), **more}], MODULES)
        return found.met, found.actual, found.near

    return one


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of the loopback that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _shop(tmp_path: Path) -> Path:
    shop = tmp_path / "srv/shop"
    (shop / "public").mkdir(parents=True)
    (shop / "public/index.php").write_text("<?php")
    return shop


PATHS: dict[str, tuple[str, str, str, bool, str, str]] = {
    "a file": ("file", "public/index.php", "", True, "", ""),
    "a directory": ("directory", "public", "", True, "", ""),
    "a misspelt file": ("file", "public/index.phpp", "", False, "no such file or directory", "public/index.php"),
    "a misspelt folder on the way": (
        "file", "pubilc/index.php", "", False, "no such file or directory", "public/index.php",
    ),
    "nothing like it": ("file", "public/zebra", "", False, "no such file or directory", ""),
    "a directory where a file is meant": ("file", "public", "", False, "is a directory", ""),
    "a file where a directory is meant": ("directory", "public/index.php", "", False, "is a file", ""),
    "a file where a socket is meant": ("socket", "public/index.php", "", False, "is a file", ""),
    "a cache that nginx makes": ("directory", "cache", "cache", True, "", ""),
    "a cache whose parent is missing": ("directory", "var/cache", "cache", False, "no such file or directory", ""),
    "a log that nginx makes": ("file", "access.log", "log", True, "", ""),
    "a directory of logs, which it does not make": ("directory", "log", "log", False, "no such file or directory", ""),
}  # fmt: skip


@pytest.mark.parametrize("story", PATHS)
def test_paths(ask: Ask, tmp_path: Path, story: str) -> None:
    kind, path, purpose, is_met, words, near = PATHS[story]
    shop = _shop(tmp_path)
    met, seen, close = ask(kind, shop / path, purpose=purpose)
    assert (met, close) == (is_met, str(shop / near) if near else "")
    assert words in seen


def test_what_is_below_the_live_tree_goes_with_it_and_what_is_kept_does_not(ask: Ask, tmp_path: Path) -> None:
    conf, kept = tmp_path / "etc/nginx", tmp_path / "sluice/shared"
    for place in (conf / "users", conf / "shop.key"):
        place.write_text("there")
    met, seen, _ = ask("file", conf / "users")
    assert (met, "the release does not bring it, and it is not kept there (nginx_shared_paths)" in seen) == (
        False,
        True,
    )
    # What is to be kept is taken from the live tree by the first switch.
    assert ask("file", conf / "shop.key", path=str(kept / "shop.key"))[0]
    assert not ask("file", conf / "other.key", path=str(kept / "other.key"))[0]
    kept.mkdir(parents=True)
    (kept / "other.key").write_text("there")
    assert ask("file", conf / "other.key", path=str(kept / "other.key"))[0]


def test_sockets_must_have_somebody_who_listens(ask: Ask, tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        met, seen, _ = ask("socket", path)
        assert (met, seen) == (False, "nobody listens there: connection refused")
        server.listen()
        assert ask("socket", path)[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        assert ask("socket", tmp_path / "log", purpose="syslog")[0]


@pytest.mark.parametrize("piped", ["one.pem", "one.key"])
def test_a_pipe_in_the_place_of_a_certificate_is_not_waited_for(ask: Ask, tmp_path: Path, piped: str) -> None:
    make_certificate("one", tmp_path / "one.pem", tmp_path / "one.key")
    (tmp_path / piped).unlink()
    os.mkfifo(tmp_path / piped)
    given: dict[str, Any] = {"purpose": "certificate", "beside": str(tmp_path / "one.key")}
    looking = threading.Thread(target=lambda: ask("file", tmp_path / "one.pem", **given), daemon=True)
    looking.start()
    looking.join(5)
    assert not looking.is_alive()


def test_a_certificate_must_fit_its_key(ask: Ask, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_certificate(name, tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    (tmp_path / "none.pem").write_text("no certificate\n")

    def certificate(name: str, key: str) -> tuple[bool, str, str]:
        return ask("file", tmp_path / name, purpose="certificate", beside=str(tmp_path / key))

    assert certificate("one.pem", "one.key")[0]
    assert certificate("one.pem", "two.key")[:2] == (
        False,
        f"the key {tmp_path}/two.key is not that of the certificate",
    )
    met, seen, _ = certificate("none.pem", "one.key")
    assert (met, f"there is no certificate in {tmp_path}/none.pem" in seen) == (False, True)
    assert certificate("one.pem", "gone.key")[0]  # which is a need of its own


def test_names(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n10.0.0.7 app1 app.internal # the app\n")
    monkeypatch.setattr(endpoints, "_HOSTS", tmp_path / "hosts")
    assert ask("name", "localhost") == (True, "", "")
    met, seen, near = ask("name", "app.intrenal")
    assert (met, near) == (False, "app.internal")
    assert seen == "the name app.intrenal is not known on this host: its resolver and /etc/hosts have none"
    assert ask("endpoint", "app.intrenal:8001")[2] == "app.internal:8001"


def test_a_name_that_is_not_looked_up_in_time_is_not_waited_for(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: over.wait(60))
    monkeypatch.setattr(endpoints, "_LOOK_UP_SECONDS", 0.1)
    try:
        words = "the name slow.example was not resolved within 0.1 s: the resolver does not answer"
        assert ask("name", "slow.example")[1] == words
    finally:
        over.set()


def test_all_is_looked_up_at_once() -> None:
    began = time.monotonic()
    found = in_time({number: lambda: time.sleep(0.5) for number in range(60)}, 20.0)
    assert len(found) == 60
    assert time.monotonic() - began < 15


def test_endpoints(ask: Ask, listener: int, closed_port: int, tmp_path: Path) -> None:
    assert ask("endpoint", f"127.0.0.1:{listener}") == (True, "", "")
    assert ask("endpoint", f"localhost:{listener}")[0]
    met, seen, _ = ask("endpoint", f"127.0.0.1:{closed_port}")
    refused = "connection refused: the machine is there, and nothing listens on that port"
    assert (met, seen) == (False, f"127.0.0.1 port {closed_port}: {refused}")
    for purpose in ("udp", "dns", "syslog"):
        assert ask("endpoint", f"127.0.0.1:{closed_port}", purpose=purpose)[0]
        assert not ask("endpoint", f"nowhere.invalid:{closed_port}", purpose=purpose)[0]


def test_an_endpoint_that_does_not_answer_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_CONNECT_SECONDS", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(where)
        met, seen, _ = ask("endpoint", f"127.0.0.1:{where[1]}")
        for each in waiting:
            each.close()
    words = "no answer within 0.2 s: a firewall is on the way, or there is no such machine"
    assert (met, seen) == (False, f"127.0.0.1 port {where[1]}: {words}")


def test_endpoints_elsewhere_are_not_tried_where_that_is_not_wanted(
    ask: Ask, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def connect(targets: list[object], seconds: float) -> dict[object, str]:
        tried.extend(targets)
        return dict.fromkeys(targets, "connection refused")

    monkeypatch.setattr(endpoints, "connect", connect)
    assert ask("endpoint", "203.0.113.77:80", connect=False) == (True, "", "")
    assert tried == []
    # What is on this very host is no traffic, and a name is looked up all the same.
    assert not ask("endpoint", f"127.0.0.1:{closed_port}", connect=False)[0]
    assert not ask("endpoint", "nowhere.invalid:80", connect=False)[0]
    assert not ask("endpoint", "203.0.113.77:80")[0]


def test_very_many_endpoints_are_not_all_tried(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_MOST_TRIED", 3)
    monkeypatch.setattr(endpoints, "connect", lambda targets, seconds: dict.fromkeys(targets, "no answer"))
    needs = [{"kind": "endpoint", "value": f"203.0.113.{number}:80"} for number in range(1, 6)]
    assert [each.met for each in look(session, needs, [])].count(False) == 3
    assert session.warnings == ["2 of 5 addresses of upstreams were not tried: too many"]


@pytest.mark.parametrize(
    ("port", "listening", "near"), [(8010, [8001, 22, 80], "8001"), (8080, [8081], "8081"), (9, [80, 443], "")]
)
def test_the_nearest_port(port: int, listening: list[int], near: str) -> None:
    assert closest_port(port, listening) == near


def test_addresses(ask: Ask) -> None:
    assert ask("address", "127.0.0.1") == (True, "", "")
    met, seen, _ = ask("address", "203.0.113.77")
    assert (met, seen.startswith("this host has ")) == (False, True)
    assert "127.0.0.1" in seen


def test_ports(ask: Ask, listener: int, closed_port: int) -> None:
    assert ask("port", f"{closed_port}/tcp") == (True, "", "")
    met, seen, _ = ask("port", f"{listener}/tcp")
    assert (met, f"(pid {os.getpid()})" in seen) == (False, True)
    assert ask("port", f"{listener}/udp")[0]


def test_users_groups_and_modules(ask: Ask) -> None:
    user, group = pwd.getpwuid(0).pw_name, grp.getgrgid(0).gr_name
    assert ask("user", user)[0]
    assert ask("group", group)[0]
    assert ask("user", "www-dta") == (False, "there is none", "www-data")
    assert ask("group", "www-dta") == (False, "there is none", "www-data")
    assert ask("module", MODULES[0])[0]
    met, seen, near = ask("module", "ngx_http_geopi_module.so")
    assert (met, near) == (False, MODULES[0])
    assert seen == "ngx_http_geopi_module.so is not among nginx's modules here"
    assert ask("moon", "full")[1] == "this host does not know how to look for it"


def _index(folder: Path, *names: str) -> list[dict[str, Any]]:
    place = {"purpose": "index", "file": "nginx.conf", "line": 7}
    return [{"kind": "file", "value": str(folder / name), **place} for name in names]


INDEXES: dict[str, tuple[list[str], list[bool]]] = {
    "one of them is there": (["index.php", "index.html"], [True, True]),
    "none is": (["index.html", "index.htm"], [False, False]),
    "one is misspelt": (["index.phpp", "home.php"], [False, True]),
}


@pytest.mark.parametrize("story", INDEXES)
def test_one_of_several_index_files_is_enough_unless_another_is_misspelt(
    session: Session, tmp_path: Path, story: str
) -> None:
    names, met = INDEXES[story]
    folder = _shop(tmp_path) / "public"
    (folder / "home.php").write_text("<?php")
    found = look(session, _index(folder, *names), [])
    assert [each.met for each in found] == met


def test_problems_say_what_is_missing_where_and_what_to_do(session: Session, tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    needs = [
        {"kind": "directory", "value": f"{shop}/pubilc", "purpose": "root", "file": "sites/shop.conf", "line": 4},
        *_index(shop / "public", "start.html"),
        *_index(shop / "public", "index.phpp"),
    ]
    problems = [each.to_json() for each in unmet(session, look(session, needs, []))]
    assert problems[0] == {
        "what": f"the release needs the directory {shop}/pubilc (root), for sites/shop.conf:4, and this host lacks it",
        "expected": "it is there",
        "actual": f"{shop}/pubilc: no such file or directory",
        "fix": f"did you mean {shop}/public? fix the release or this host, or declare it: "
        f'nginx_needs: ["directory:{shop}/pubilc"]',
    }
    assert [problem["what"].partition(",")[0] for problem in problems[1:]] == [
        f"the release needs the file {shop}/public/index.phpp (index)"
    ]
    # Many a site has no index, and serves its files all the same.
    assert session.warnings == [
        f"the release needs the file {shop}/public/start.html (index), for nginx.conf:7, and this host lacks it"
    ]


def test_a_path_that_exists_has_nothing_near(tmp_path: Path) -> None:
    assert closest_path(str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("near", "misspelt"), [("/srv/index.php", True), ("/srv/index.html", False), ("", False), ("/srv/main.php", False)]
)
def test_what_is_misspelt(near: str, misspelt: bool) -> None:
    assert is_misspelt({"value": "/srv/index.phpp"}, near, [{"value": "/srv/index.html"}]) is misspelt
