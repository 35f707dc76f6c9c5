"""A drill leaves the host as it was, whatever happens in it; the host is played here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action.drill import ActionModule
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest

OPTIONS: dict[str, Any] = {
    "reboot": False,
    "reboot_command": "reboot",
    "reboot_timeout": 1.0,
    "confirm_timeout": 5.0,
    "signing_key": "",
    "inventory": "production",
}


class Played:
    """A host that serves a release of this controller; ``spoiled`` says in which step something goes wrong."""

    def __init__(self, folder: Path, spoiled: str = "") -> None:
        self.folder, self.spoiled = folder, spoiled
        tree = trees.overlay({"nginx.conf": trees.file(b"events {}\n", "raw")})
        self.live = ReleaseStore(folder / "releases").add(tree, [], [], {"os": "debian 12"}).id
        self.pending: dict[str, Any] | None = None
        self.last: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.shown: list[str] = []

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(request["op"])
        if request["op"] == "status":
            if self.pending and self.spoiled != "watchdog" and self.asked[-2:] == ["activate", "status"]:
                self._end("watchdog")
            return {
                "live": self.pending["release"] if self.pending else self.live,
                "pending": self.pending,
                "confirmed": {"release": self.live},
                "last": self.last,
                "drift": [],
                "nginx": {"running": True},
            }
        if request["op"] == "rollback":
            self._end("run")
            return {"rolled_back": True}
        fails = any("drill" in row["name"] for row in request["release"]["contract"])
        if fails and self.spoiled != "check":
            problems = [{"what": "the drill's check, which cannot hold: expected 299"}]
            return {"ok": False, "rolled_back": True, "means": "reload", "problems": problems, "checks": []}
        self.pending = {"release": request["release"]["id"], "run": request["run"]["id"]}
        return {}

    def _end(self, by: str) -> None:
        assert self.pending
        self.last = {"run": self.pending["run"], "outcome": "rolled_back", "by": by}
        self.pending = None

    def drill(self, hosts: list[str], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        def play(askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, dict[str, Any]]]:
            for host, each in askings.items():
                yield host, {"ok": True, "problems": [], "warnings": [], **self.answer(each.question.request)}

        action: Any = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(check_mode=check_mode)
        action._display = SimpleNamespace(display=lambda line, **_: self.shown.append(line))
        action._answers, action._state = play, lambda: self.folder
        action._low_level_execute_command = self.asked.append
        return dict(action.work_on(hosts, {**OPTIONS, **options}))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.sluice.nginx.plugins.action.drill._BACK", -6.0)
    monkeypatch.setattr("ansible_collections.sluice.nginx.plugins.action.drill._LOOK", 0.0)


def test_a_drill_has_a_check_fail_and_a_watchdog_fire(tmp_path: Path) -> None:
    host = Played(tmp_path)
    result = host.drill(["web1"])
    assert [(step["name"], step["ok"]) for step in result["steps"]] == [("failing check", True), ("watchdog", True)]
    assert "failed" not in result
    assert Path(result["record"]).is_file()
    assert list((tmp_path / "drills/releases").iterdir()) == []
    assert host.shown[-1].startswith("web1: watchdog: as it should: rolled back by watchdog, back after")


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ("check", "web1: failing check: FAILED: the host took a release whose check fails"),
        ("watchdog", "web1: watchdog: FAILED: release"),
    ],
)
def test_a_step_that_goes_wrong_fails_the_drill_and_the_host_is_rolled_back_all_the_same(
    tmp_path: Path, spoiled: str, words: str
) -> None:
    host = Played(tmp_path, spoiled)
    result = host.drill(["web1"])
    assert result["failed"]
    assert result["msg"].startswith(words)
    assert host.asked[-1] == "rollback" or spoiled == "check"
    assert host.pending is None


def test_a_machine_is_started_anew_where_that_is_wanted(tmp_path: Path) -> None:
    host = Played(tmp_path)
    result = host.drill(["web1"], reboot=True, spoiled="")
    assert "reboot" in host.asked
    assert result["steps"][-1]["name"] == "reboot while pending"


def test_check_mode_says_what_would_be_rehearsed(tmp_path: Path) -> None:
    host = Played(tmp_path)
    assert host.drill(["web1"], check_mode=True)["would"] == ["failing check", "watchdog"]
    assert host.asked == ["status"]


def test_a_drill_is_on_one_host_that_serves_what_this_controller_made(tmp_path: Path) -> None:
    host = Played(tmp_path)
    with pytest.raises(SluiceError, match="a drill is on one host, and this play has 2; name it with --limit HOST"):
        host.drill(["web1", "web2"])
    host.live = "f" * 64
    with pytest.raises(SluiceError, match="a drill needs the release that the host serves"):
        host.drill(["web1"])
    host.pending = {"release": "e" * 64, "run": "x"}
    with pytest.raises(SluiceError, match="is pending there; wait until its run has ended"):
        host.drill(["web1"])
