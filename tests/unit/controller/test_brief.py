"""The callback that shows a run on one screen: what it hides of this collection, and what it never hides."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.sluice.nginx.plugins.callback.brief import CallbackModule

OWN = "sluice.nginx.gates"
Told = list[str]


def task(action: str, collection: str | None = None, **more: Any) -> Any:
    role = SimpleNamespace(_role_collection=collection) if collection else None
    given = {"action": action, "_role": role, "_uuid": action, "loop": None, "get_name": lambda: "a task", **more}
    return SimpleNamespace(**given)


def result(of: Any, **told: Any) -> Any:
    return SimpleNamespace(task=of, result=told)


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], tuple[Any, Told]]:
    """Make the callback at a verbosity, and the list of what Ansible's own output is asked to show."""

    def make(verbosity: int = 0) -> tuple[Any, Told]:
        shown: Told = []
        for name in (
            "v2_playbook_on_include",
            "v2_runner_on_ok",
            "v2_runner_on_skipped",
            "v2_runner_on_failed",
            "v2_playbook_on_stats",
        ):
            monkeypatch.setattr(Default, name, lambda self, *_, name=name: shown.append(name))
        monkeypatch.setattr(Default, "v2_playbook_on_play_start", lambda self, play: shown.append(f"PLAY {play}"))
        monkeypatch.setattr(Default, "_print_task_banner", lambda self, task: shown.append(f"TASK {task.action}"))
        monkeypatch.setattr(Default, "_task_start", lambda self, task, prefix=None: self._print_task_banner(task))
        monkeypatch.setattr(Default, "_handle_warnings_and_exception", lambda self, _: shown.append("warnings"))
        monkeypatch.setattr(Default, "_handle_warnings", lambda self, _: shown.append("warnings"))
        made = CallbackModule()
        made._display = SimpleNamespace(verbosity=verbosity, display=lambda text, color=None, **_: shown.append(text))
        return made, shown

    return make


@pytest.mark.parametrize(
    "of",
    [task(OWN), task("ansible.builtin.validate_argument_spec", "sluice.nginx"), task("meta")],
    ids=["its action", "a task of its role", "a meta task"],
)
def test_what_went_well_in_the_collection_is_hidden_but_its_warnings(
    callback: Callable[..., tuple[Any, Told]], of: Any
) -> None:
    made, shown = callback()
    made.v2_playbook_on_play_start("one")
    made._task_start(of, "TASK")
    made.v2_runner_on_ok(result(of))
    made.v2_runner_on_skipped(result(of))
    made.v2_playbook_on_include(SimpleNamespace(_task=of))
    made.v2_playbook_on_stats(SimpleNamespace(dark={}))
    assert shown == ["warnings"]


def test_tasks_of_others_look_as_they_always_do(callback: Callable[..., tuple[Any, Told]]) -> None:
    made, shown = callback()
    made.v2_playbook_on_play_start("one")
    made.v2_runner_on_ok(result(task(OWN)))
    mine = task("ansible.builtin.apt", "my.collection")
    made._task_start(mine, "TASK")
    made.v2_runner_on_ok(result(mine))
    made.v2_playbook_on_stats(SimpleNamespace(dark={}))
    assert shown[1:] == ["PLAY one", "TASK ansible.builtin.apt", "v2_runner_on_ok", "v2_playbook_on_stats"]


def test_what_a_role_of_the_collection_changes_by_another_module_is_shown(
    callback: Callable[..., tuple[Any, Told]],
) -> None:
    made, shown = callback()
    made.v2_runner_on_ok(result(task("ansible.builtin.apt", "sluice.nginx"), changed=True))
    made.v2_runner_on_ok(result(task(OWN), changed=True))
    assert shown == ["v2_runner_on_ok", "warnings"]


def test_a_failure_is_its_message(callback: Callable[..., tuple[Any, Told]]) -> None:
    made, shown = callback()
    made.v2_runner_on_failed(result(task(OWN), msg="1 of 1 releases did not pass the gates"))
    assert shown == ["warnings", "FAILED: 1 of 1 releases did not pass the gates"]


@pytest.mark.parametrize(
    "failed",
    [
        result(task("ansible.builtin.apt", "sluice.nginx"), msg="no package"),
        result(task(OWN), censored="no_log"),
        result(task(OWN, loop=["a"]), msg="some items failed"),
        result(task("ansible.builtin.apt"), msg="no package"),
    ],
    ids=["another module", "secret", "a loop", "another's task"],
)
def test_any_other_failure_is_shown_whole(callback: Callable[..., tuple[Any, Told]], failed: Any) -> None:
    made, shown = callback()
    made.v2_runner_on_failed(failed)
    assert shown == ["v2_runner_on_failed"]


def test_with_v_nothing_is_hidden(callback: Callable[..., tuple[Any, Told]]) -> None:
    made, shown = callback(1)
    made.v2_playbook_on_play_start("one")
    made._task_start(task(OWN), "TASK")
    for each in (made.v2_runner_on_ok, made.v2_runner_on_skipped, made.v2_runner_on_failed):
        each(result(task(OWN), msg="told"))
    made.v2_playbook_on_stats(SimpleNamespace(dark={}))
    assert [each.split()[0] for each in shown] == [
        "PLAY",
        "TASK",
        "v2_runner_on_ok",
        "v2_runner_on_skipped",
        "v2_runner_on_failed",
        "v2_playbook_on_stats",
    ]


def test_hosts_that_could_not_be_reached_are_in_the_recap(callback: Callable[..., tuple[Any, Told]]) -> None:
    made, shown = callback()
    made.v2_playbook_on_stats(SimpleNamespace(dark={"web1": 1}))
    assert shown == ["v2_playbook_on_stats"]
