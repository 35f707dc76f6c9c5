"""A host is told to pull, or not any more: what is then there, and what it tells of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.command import Ran
from ansible_collections.sluice.nginx.plugins.module_utils.engine.operations import pull as operation
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.status import status_text
from ansible_collections.sluice.nginx.plugins.module_utils.replies import read_answer
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import deploy, leave

NewHost = Callable[..., SimulatedHost]
SETTINGS: dict[str, Any] = {
    "source": "https://releases.example/web",
    "name": "edge1",
    "interval": 600,
    "header": "Authorization: Bearer x",
}


@pytest.fixture(autouse=True)
def _python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "interpreter", lambda: "/usr/bin/python3")


def trusted(host: SimulatedHost) -> SimulatedHost:
    """As sluice.nginx.trust leaves a host."""
    launcher = remote.sources()["sluice/engine/launcher.py"]
    for path, text in {
        host.layout.allowed_signers: "ann@desk ssh-ed25519 AAAA\n",
        host.layout.allowed_signers.with_name("inventory"): "edge\n",
        host.layout.own / "current": "d 1\n",
        host.layout.own / "engine/d/sluice/engine/launcher.py": launcher,
        host.layout.command: "#!/usr/bin/python3 -IS\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return host


def ask(host: SimulatedHost, settings: Any, **more: Any) -> dict[str, Any]:
    return read_answer("pull", json.dumps(host.ask_engine("pull", "r", settings=settings, **more)))


def words(answer: dict[str, Any]) -> str:
    return " ".join(str(value) for problem in answer["problems"] for value in problem.values())


def test_a_host_that_cannot_verify_does_not_begin(new_host: NewHost) -> None:
    host = new_host()
    assert "does not know who may sign" in words(ask(host, SETTINGS))
    trusted(host)
    path = host.layout.own / "engine/d/sluice/engine/launcher.py"
    path.write_text("def main(): pass\n")
    assert "has no engine of its own that pulls" in words(ask(host, SETTINGS))
    assert "is no source" in words(ask(trusted(host), {**SETTINGS, "source": "ftp://x"}))
    assert not host.layout.pull.exists()


def test_the_timer_is_there_once_and_goes_again(new_host: NewHost) -> None:
    host = trusted(new_host())
    looked = ask(host, SETTINGS, looking=True)
    assert (looked["ok"], looked["changed"], host.layout.pull.exists()) == (True, True, False)
    done = ask(host, SETTINGS)
    assert (done["changed"], sorted(done["paths"]), done["cron"]) == (True, sorted(looked["paths"]), "")
    assert ask(host, SETTINGS)["changed"] is False
    kept = host.layout.allowed_signers.with_name("pull.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    timer = host.layout.units / "timers.target.wants/sluice-pull.timer"
    assert "OnUnitInactiveSec=600s\nRandomizedDelaySec=600s" in timer.read_text()
    # A token is no matter of the units, which anybody reads.
    assert "Bearer" not in "".join(path.read_text() for path in host.layout.units.glob("sluice-pull*"))
    gone = ask(host, None)
    assert (gone["changed"], kept.exists(), host.layout.pull.exists(), timer.is_symlink()) == (
        True,
        False,
        False,
        False,
    )
    assert ask(host, None)["changed"] is False


def test_a_timer_that_could_not_be_started_or_was_stopped_is_started(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = trusted(new_host())
    with monkeypatch.context() as broken:
        broken.setattr(host, "_systemctl", lambda arguments: Ran(1, "Connection timed out"))
        assert "the timer of pull could not be started" in words(ask(host, SETTINGS))
        assert ask(host, SETTINGS, looking=True)["changed"]
        assert "the timer of pull could not be started" in words(ask(host, SETTINGS))
    # It runs now, and would not after the next boot.
    (host.layout.units / "timers.target.wants/sluice-pull.timer").unlink()
    done = ask(host, SETTINGS)
    assert (done["ok"], done["changed"]) == (True, True)
    assert ask(host, SETTINGS)["changed"] is False


def test_who_is_not_root_is_told_so(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = trusted(new_host())
    ask(host, SETTINGS)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="must be root on this host"):
        exec(host.layout.pull.read_text(), {})


@pytest.mark.parametrize(
    ("interval", "when", "seconds"),
    [(10, "*/1 *", 10), (1800, "*/30 *", 1800), (3540, "0 */1", 3540), (86400, "0 */23", 82800)],
)
def test_cron_does_not_look_more_often(new_host: NewHost, interval: int, when: str, seconds: int) -> None:
    host = trusted(new_host(has_systemd=False))
    done = ask(host, {**SETTINGS, "interval": interval})
    assert done["cron"] == f"{when} * * * root {host.layout.pull} --jitter {seconds}"


def test_a_host_without_systemd_gets_a_line_for_cron(new_host: NewHost) -> None:
    host = trusted(new_host(has_systemd=False))
    done = ask(host, SETTINGS)
    assert done["cron"] == f"*/10 * * * * root {host.layout.pull} --jitter 600"
    crontab = host.root / "etc/crontab"
    crontab.write_text(f"{done['cron']}\n")
    looked = leave(host, looking=True)
    assert looked["left"] == [f"{crontab} names {host.layout.pull}; remove that line"]


def test_it_tells_where_it_looks_and_what_came_of_it(new_host: NewHost) -> None:
    host = trusted(new_host())
    ask(host, SETTINGS)
    memory: dict[str, Any] = {
        "number": 7,
        "release": "a" * 64,
        "outcome": "failed",
        "why": "no answer",
        "at": "2026-03-01T00:00:00.000Z",
    }
    host.layout.root.mkdir(parents=True, exist_ok=True)
    (host.layout.root / "pull.json").write_text(json.dumps({**memory, "trouble": "no way", "attempts": "x"}))
    answer = read_answer("status", json.dumps(host.ask_engine("status", "s")))
    shown = status_text({"web1": answer})
    assert "pulls what is published for edge1 at https://releases.example/web" in shown
    assert "pull: release aaaaaaaaaaaa (number 7) failed since 2026-03-01T00:00:00.000Z: no answer" in shown
    assert "came to nothing: no way" in shown
    assert "Bearer" not in json.dumps(answer)


def test_leaving_takes_it_along(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    trusted(host)
    ask(host, SETTINGS)
    answer = leave(host)
    assert answer["ok"], answer["problems"]
    assert {str(host.layout.pull), str(host.layout.units / "sluice-pull.timer")} <= set(answer["removed"])
    assert not list(host.root.rglob("*sluice-pull*"))


def test_the_hosts_own_engine_does_not_change_it(new_host: NewHost) -> None:
    from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle

    host = trusted(new_host())
    answer = handle({"op": "pull", "run": {"id": "r"}, "settings": None}, b"", host, host.layout, own=True)
    assert "does not change from where it pulls" in words(answer)
