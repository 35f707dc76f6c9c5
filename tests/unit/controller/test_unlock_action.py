"""What is said of hosts that a run which died has left; the hosts themselves are played here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action.unlock import ActionModule
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest

OLD, NEW = "a" * 64, "b" * 64
PENDING = {"release": NEW, "before": OLD, "run": "run-1", "who": "ada", "from": "dispatcher"}
HELD = f"release {NEW[:12]} of run run-1 (ada from dispatcher)"

Answer = dict[str, Any]


def _unlocked(answers: Mapping[str, Answer], *, check_mode: bool = False) -> Answer:
    """Free web1, whose engine answers as ``answers`` says for an operation."""
    asked: list[tuple[str, str | None]] = []
    shown: list[str] = []

    def play(askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
        for host, each in askings.items():
            request = each.question.request
            asked.append((request["op"], request.get("of")))
            yield host, {"ok": True, "problems": [], "warnings": [], **answers[request["op"]]}

    action: Any = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(check_mode=check_mode)
    action._display = SimpleNamespace(display=shown.append)
    action._answers = play
    return {"failed": False, **action.work_on(["web1"], {}), "asked": asked, "shown": shown}


def test_unlock_rolls_back_and_says_what() -> None:
    rolled_back = {"changed": True, "rolled_back": True, "release": OLD, "warnings": ["a certificate has changed"]}
    result = _unlocked({"status": {"pending": PENDING, "warnings": ["the state was rebuilt"]}, "rollback": rolled_back})
    assert result["asked"] == [("status", None), ("rollback", "run-1")]
    assert (result["changed"], result["failed"]) == (True, False)
    assert result["shown"] == [
        "web1: the state was rebuilt",
        f"web1: {HELD} is rolled back; {OLD[:12]} serves again, proved",
        "web1: a certificate has changed",
    ]


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        ({"status": {"pending": None}}, []),
        ({"status": {"pending": None, "warnings": ["the state was rebuilt"]}}, ["web1: the state was rebuilt"]),
        (
            {
                "status": {"pending": PENDING},
                "rollback": {"rolled_back": None, "note": "it was rolled back by watchdog at 2026-01-01"},
            },
            ["web1: it was rolled back by watchdog at 2026-01-01"],
        ),
    ],
)
def test_unlock_changes_nothing_where_nothing_is_held(answers: Mapping[str, Answer], lines: list[str]) -> None:
    result = _unlocked(answers)
    assert (result["changed"], result["failed"], result["shown"]) == (False, False, lines)


@pytest.mark.parametrize(
    ("answers", "msg"),
    [
        (
            {"status": {"pending": PENDING}, "rollback": {"ok": False, "problems": [{"what": "nginx is gone"}]}},
            f"web1: {HELD} could not be rolled back: nginx is gone",
        ),
        ({"status": {"problems": [{"what": "the host cannot be reached"}]}}, "web1: the host cannot be reached"),
    ],
)
def test_unlock_fails_where_it_cannot_free_a_host(answers: Mapping[str, Answer], msg: str) -> None:
    result = _unlocked(answers)
    assert (result["failed"], result["msg"]) == (True, msg)


def test_unlock_in_check_mode_only_says_what_it_would_roll_back() -> None:
    result = _unlocked({"status": {"pending": {**PENDING, "who": None, "from": None}}}, check_mode=True)
    assert result["asked"] == [("status", None)]
    assert (result["changed"], result["shown"]) == (
        True,
        [f"web1: would roll back release {NEW[:12]} of run run-1 (somebody from somewhere)"],
    )
