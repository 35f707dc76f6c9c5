"""After a reload, workers of before that still have sockets of QUIC get new connections, and the host says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import quic
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.nginx import Build
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Problem
from ansible_collections.sluice.nginx.plugins.module_utils.nginx_build import read_build
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.nginx import Nginx, Process
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import deploy, push, rollback

NewHost = Callable[..., SimulatedHost]

_HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
_LISTENS = "   0: 00000000:01BB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2\n"
_ASKS_A_RESOLVER = "   0: 0100007F:8001 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 4711 2\n"
_WORDS = "2 of the workers of before have requests to end and keep their sockets of QUIC"
_VERSIONS = {
    "Debian's": "nginx version: nginx/1.26.3\n",
    "one that is healed": "nginx version: nginx/1.31.0\n",
    "Angie": "Angie version: Angie/1.10.0\nnginx version: nginx/1.27.5\n",
}


@pytest.fixture
def with_udp(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give each worker a UDP socket, a row of /proc/net/udp."""

    def give(row: str) -> None:
        made = Nginx._process

        def process(self: Nginx, *args: Any) -> Process:
            found = made(self, *args)
            folder = self._proc / str(found.pid)
            (folder / "fd" / "9").symlink_to("socket:[4711]")
            (folder / "net").mkdir()
            (folder / "net" / "udp").write_text(_HEADER + row)
            return found

        monkeypatch.setattr(Nginx, "_process", process)

    return give


def _listening(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    for form in (release(name, "fine").form for name in ("a", "b")):
        monkeypatch.setitem(form, "facts", {**form["facts"], **facts})


def _runs(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    built = read_build(version)
    assert built is not None
    found = Build(built.version, "", "", "", (), "", "/usr/sbin/nginx", built)
    monkeypatch.setattr(quic, "build", lambda *_: found)


def _said(answer: dict[str, Any]) -> list[str]:
    assert answer["ok"], answer
    return [words for words in answer["warnings"] if "QUIC" in words]


def test_it_is_said_after_an_activation_and_after_a_rollback(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, with_udp: Callable[[str], None]
) -> None:
    with_udp(_LISTENS)
    _listening(monkeypatch, quic=True)
    _runs(monkeypatch, _VERSIONS["Debian's"])
    host = new_host()
    deploy(host, "a")
    (words,) = _said(push(host, "r2", "b"))
    assert words.startswith(_WORDS)
    host.clock.pass_(5.0)
    assert _said(rollback(host, "r2")) == [words]


@pytest.mark.parametrize(
    ("row", "facts", "version"),
    [
        (_LISTENS, {"quic": True}, "one that is healed"),
        (_LISTENS, {"quic": True}, "Angie"),
        (_LISTENS, {"quic": True, "main_directives": ["quic_bpf"]}, "Debian's"),
        (_LISTENS, {}, "Debian's"),
        # The release before did not listen for QUIC.
        (_ASKS_A_RESOLVER, {"quic": True}, "Debian's"),
    ],
)
def test_nothing_is_said_where_new_connections_reach_new_workers(
    new_host: NewHost,
    monkeypatch: pytest.MonkeyPatch,
    with_udp: Callable[[str], None],
    row: str,
    facts: dict[str, Any],
    version: str,
) -> None:
    with_udp(row)
    _listening(monkeypatch, **facts)
    _runs(monkeypatch, _VERSIONS[version])
    host = new_host()
    deploy(host, "a")
    assert _said(push(host, "r2", "b")) == []


def test_an_nginx_that_cannot_be_asked_fails_no_activation(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, with_udp: Callable[[str], None]
) -> None:
    def gone(*_: Any) -> Build:
        raise Fault(Problem("nginx's binary is gone"))

    with_udp(_LISTENS)
    _listening(monkeypatch, quic=True)
    monkeypatch.setattr(quic, "build", gone)
    host = new_host()
    deploy(host, "a")
    assert len(_said(push(host, "r2", "b"))) == 1


def test_nothing_is_said_when_the_workers_of_before_have_ended(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, with_udp: Callable[[str], None]
) -> None:
    with_udp(_LISTENS)
    _listening(monkeypatch, quic=True)
    _runs(monkeypatch, _VERSIONS["Debian's"])
    monkeypatch.setattr("tests.unit.engine.simulation.nginx._DRAINED", 0.2)
    host = new_host()
    deploy(host, "a")
    assert _said(push(host, "r2", "b")) == []


def test_checks_are_asked_with_the_knowledge_that_connections_may_get_lost(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, with_udp: Callable[[str], None]
) -> None:
    with_udp(_LISTENS)
    _listening(monkeypatch, quic=True)
    _runs(monkeypatch, _VERSIONS["Debian's"])
    host = new_host()
    deploy(host, "a")
    ask, reasons = host.ask, []

    def asked(*given: Any) -> list[dict[str, Any]]:
        reasons.append(given[3]())
        return ask(*given)

    monkeypatch.setattr(host, "ask", asked)
    assert push(host, "r2", "b")["ok"]
    assert reasons == ["2 of the workers of before keep their sockets of QUIC until they have ended"]
    host.clock.pass_(30.0)
    assert host.ask_engine("bake", "r2", release=release("b", "fine").id, seconds=0)["ok"]
    assert reasons[1:] == [""] * len(reasons[1:])
    assert len(reasons) > 1


def test_where_nobody_may_look_at_sockets_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    assert not quic._has_udp(tmp_path / "4711")
    monkeypatch.setattr(Path, "iterdir", forbidden)
    assert quic._has_udp(tmp_path)
