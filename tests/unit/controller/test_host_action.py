"""What the action makes of a host that answers, does not answer, or answers badly; the host itself is played here."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.sluice.nginx.plugins.action.host import ActionModule
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import Terms
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Run

OLD, NEW = "a" * 64, "b" * 64
PENDING = {"release": NEW, "before": OLD, "run": "run-1", "who": "ada", "from": "desk"}
HELD = f"release {NEW[:12]} of run run-1 (ada from desk)"

Answer = dict[str, Any]


def _action(engine: Callable[[Answer], Answer], *, check_mode: bool = False) -> Any:
    """An action on web1, whose engine is ``engine``."""
    action: Any = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(diff=False, check_mode=check_mode)
    action._host, action._run = "web1", Run("unlock", "", "eve", "shed", "2026-01-01T00:00:00.000Z")
    action._engine = lambda request, bundle=b"": engine(request)
    return action


def _options(**more: Any) -> Answer:
    defaults = {name: spec.get("default") for name, spec in ActionModule.SPEC.items()}
    return {**defaults, **more}


def _hangs(request: Answer) -> Answer:
    time.sleep(60)
    return {}


def _raising(error: Exception) -> Callable[[Answer], Answer]:
    def engine(request: Answer) -> Answer:
        raise error

    return engine


@pytest.mark.parametrize(
    ("engine", "what", "unreachable"),
    [
        (_hangs, "the host did not answer within 0.2 s; see what hangs there", True),
        (_raising(AnsibleConnectionFailure("timed out")), "the host cannot be reached: timed out", True),
        (_raising(SluiceError("python3 is missing on the host")), "python3 is missing on the host", False),
        (_raising(KeyError("live")), "KeyError on the controller: 'live'", False),
    ],
)
def test_a_host_that_gives_no_answer_is_noted_and_does_not_fail_the_task(
    monkeypatch: pytest.MonkeyPatch, engine: Callable[[Answer], Answer], what: str, unreachable: bool
) -> None:
    monkeypatch.setattr(Terms, "patience", 0.2)
    answer = _action(engine)._asked("revert", _options())
    assert answer["problems"] == [{"what": what}]
    assert (answer["ok"], answer["unreachable_host"]) == (False, unreachable)


def test_a_bake_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terms, "patience", 0.1)

    def engine(request: Answer) -> Answer:
        time.sleep(0.3)
        return {"ok": True, "seconds": request["seconds"]}

    answer = _action(engine)._asked("bake", _options(bake=20.0))
    assert (answer["ok"], answer["seconds"]) == (True, 20.0)


def _unlocked(answers: dict[str, Answer], *, check_mode: bool = False) -> Answer:
    asked: list[Answer] = []

    def engine(request: Answer) -> Answer:
        asked.append(request)
        return {"ok": True, "problems": [], "warnings": [], **answers[request["op"]]}

    result = _action(engine, check_mode=check_mode)._alone("unlock", _options())
    return {**result, "asked": [(request["op"], request.get("of")) for request in asked]}


def test_unlock_takes_back_and_says_what() -> None:
    reverted = {"changed": True, "reverted": True, "release": OLD, "warnings": ["a certificate has changed"]}
    result = _unlocked({"status": {"pending": PENDING, "warnings": ["the state was rebuilt"]}, "revert": reverted})
    assert result["asked"] == [("status", None), ("revert", "run-1")]
    assert (result["changed"], result["failed"]) == (True, False)
    assert result["sluice_words"] == [
        f"{HELD} is taken back; {OLD[:12]} serves again, proved",
        "the state was rebuilt",
        "a certificate has changed",
    ]


@pytest.mark.parametrize(
    ("answers", "failed", "words"),
    [
        ({"status": {"pending": None}}, False, []),
        ({"status": {"pending": None, "warnings": ["the state was rebuilt"]}}, False, ["the state was rebuilt"]),
        (
            {
                "status": {"pending": PENDING},
                "revert": {"reverted": None, "note": "it was reverted by guard at 2026-01-01"},
            },
            False,
            ["it was reverted by guard at 2026-01-01"],
        ),
    ],
)
def test_unlock_changes_nothing_where_nothing_is_held(
    answers: dict[str, Answer], failed: bool, words: list[str]
) -> None:
    result = _unlocked(answers)
    assert (result["changed"], result["failed"], result["sluice_words"]) == (False, failed, words)


@pytest.mark.parametrize(
    ("answers", "msg"),
    [
        (
            {"status": {"pending": PENDING}, "revert": {"ok": False, "problems": [{"what": "nginx is gone"}]}},
            f"{HELD} could not be taken back: nginx is gone",
        ),
        ({"status": {"problems": [{"what": "the host cannot be reached"}]}}, "the host cannot be reached"),
    ],
)
def test_unlock_fails_where_it_cannot_free_a_host(answers: dict[str, Answer], msg: str) -> None:
    result = _unlocked(answers)
    assert (result["failed"], result["msg"]) == (True, msg)


def test_unlock_in_check_mode_only_says_what_it_would_take_back() -> None:
    result = _unlocked({"status": {"pending": {**PENDING, "who": None, "from": None}}}, check_mode=True)
    assert result["asked"] == [("status", None)]
    assert (result["changed"], result["sluice_words"]) == (
        True,
        [f"would take back release {NEW[:12]} of run run-1 (somebody from somewhere)"],
    )
