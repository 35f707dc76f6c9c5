"""The order in which hosts are left, and what a person reads; the hosts themselves are played here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from ansible_collections.sluice.nginx.plugins.action.leave import ActionModule
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest, failure

Answer = dict[str, Any]

LIVE = "a" * 64
THERE: Answer = {
    "ok": True,
    "release": LIVE,
    "removed": ["/etc/sluice", "/var/lib/sluice"],
    "left": ["sudoers"],
}
CLEAN: Answer = {"ok": True, "release": None, "removed": [], "left": []}


def _leave(
    looks: Mapping[str, Answer], ends: Mapping[str, Answer], *, check: bool = False, diff: bool = False
) -> Answer:
    """Leave hosts, which answer so to a look, and so to the leave itself."""
    asked: list[list[str]] = []
    shown: list[str] = []

    def play(askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
        looking = {each.question.request["looking"] for each in askings.values()}
        asked.append([*(["look"] if True in looking else []), *askings])
        for host in askings:
            yield host, {"problems": [], "warnings": [], **(looks if True in looking else ends)[host]}

    action: Any = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(check_mode=check, diff=diff)
    action._display = SimpleNamespace(display=shown.append)
    action._answers = play
    result = {"failed": False, **action.work_on(list(looks), {"drift": "refuse"})}
    return {**result, "asked": [each for each in asked if each], "shown": shown}


def test_one_host_is_left_before_the_others_and_clean_ones_are_not_asked() -> None:
    looks = {"web1": CLEAN, "web2": THERE, "web3": THERE, "web4": THERE}
    result = _leave(looks, looks)
    assert result["asked"] == [["look", *looks], ["web2"], ["web3", "web4"]]
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["shown"][:4] == [
        "web1: there is nothing of Sluice on this host",
        f"web2: /etc/nginx is a directory again, with the files of release {LIVE[:12]}",
        "web2: /etc/sluice, /var/lib/sluice were removed",
        "web2: left for you: sudoers",
    ]


def test_what_is_in_the_way_on_one_host_stops_it_on_all() -> None:
    looks = {"web1": THERE, "web2": failure("the host cannot be reached", unreachable=True)}
    result = _leave(looks, {})
    assert result["asked"] == [["look", "web1", "web2"]]
    assert (result["failed"], result["changed"], result["hosts"]) == (True, False, {})
    assert result["msg"] == (
        "web2: the host cannot be reached\nnothing was removed on any host; --limit leaves others out"
    )


def test_no_other_host_is_left_where_the_first_fails() -> None:
    looks = {"web1": THERE, "web2": THERE}
    result = _leave(looks, {"web1": failure("the disk is full"), "web2": THERE})
    assert result["asked"] == [["look", "web1", "web2"], ["web1"]]
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == "web1: the disk is full\nrun it again when that is fixed"


def test_what_was_done_is_said_where_another_host_fails() -> None:
    looks = {"web1": THERE, "web2": THERE}
    result = _leave(looks, {"web1": THERE, "web2": failure("the disk is full")})
    assert (result["failed"], result["changed"], list(result["hosts"])) == (True, True, ["web1"])


def test_check_mode_only_looks_and_diff_shows_what_goes() -> None:
    result = _leave({"web1": THERE}, {}, check=True, diff=True)
    assert result["asked"] == [["look", "web1"]]
    assert result["changed"]
    assert result["shown"][0] == f"web1: /etc/nginx would be a directory again, with the files of release {LIVE[:12]}"
    (diff,) = result["diff"]
    assert diff["before"] == f"/etc/nginx -> /var/lib/sluice/releases/{LIVE}\n/etc/sluice\n/var/lib/sluice\n"
    assert diff["after"] == "/etc/nginx (a directory)\n"
