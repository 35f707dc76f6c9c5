"""A run that ends while its hosts bake, and who continues it; the hosts are played here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import rollout
from ansible_collections.sluice.nginx.plugins.action.decide import ActionModule as Decide
from ansible_collections.sluice.nginx.plugins.action.run_end import ActionModule as RunEnd
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import check_detachable, read_detached
from ansible_collections.sluice.nginx.plugins.plugin_utils import emergency
from tests.unit.controller.test_rollout_action import HOSTS, Fleet

WAVES = [{"name": "canary", "hosts": ["web1"], "pause": 0.0}, {"name": "rest", "hosts": ["web2"], "pause": 0.0}]
BAD = {"ok": False, "problems": [{"what": "the host answers 5xx"}]}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fleet]:
    monkeypatch.setattr(rollout.ActionModule, "_state", lambda _: tmp_path)
    monkeypatch.setattr(emergency, "load_extra_vars", lambda loader: {"rollout_emergency": "a test"})
    return lambda answers=None: Fleet(tmp_path, answers or {}, check_mode=False, diff=False)


def _left(fleet: Fleet, number: int = 0, **more: Any) -> dict[str, Any]:
    """Take the step of a wave, as the role does."""
    wave = WAVES[number]
    terms = {"bake": 60.0, "confirm_timeout": 600.0, "detach": True, "waves": WAVES[number:], **more}
    return fleet.step("wave", wave=wave["hosts"], wave_name=wave["name"], pause=wave["pause"], **terms)


def _over(fleet: Fleet) -> None:
    """The hosts have baked."""
    path = Path(fleet.run.folder, "detached.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "until": "2026-01-01T00:00:00.000Z"}))


def test_a_run_leaves_hosts_that_bake_and_switches_no_other(make: Callable[..., Fleet]) -> None:
    fleet = make()
    fleet.step("preflight", detach=True)
    assert _left(fleet)["detached"]
    (said,) = [line for line in fleet.said if "is detached" in line]
    assert "after canary comes 1 more wave" in said
    assert "at least every 300 s (a timer, a schedule). Without it the hosts roll back after 600 s" in said
    asked = list(fleet.asked)
    # Neither the next wave nor the end is its own any more.
    assert _left(fleet, 1)["hosts"]["web2"]["why"] == "bakes on, and the run has ended"
    assert fleet.step("finalize")["detached"]
    assert fleet.asked == asked


def test_who_continues_it_gives_heartbeats_then_the_next_wave_and_then_confirms(make: Callable[..., Fleet]) -> None:
    fleet = make()
    fleet.step("preflight", detach=True)
    _left(fleet)
    still = fleet.step("resume")
    assert (still["detached"], still["waves"]) == (True, [])
    assert fleet.asked[-1] == ("web1", "bake")
    _over(fleet)
    over = fleet.step("resume")
    assert (over["detached"], over["waves"]) == (False, WAVES[1:])
    # What the run was begun with counts, and nothing that is set now.
    again = _left(fleet, 1, detach=False, bake=0.0, confirm_timeout=5.0)
    assert again["detached"]
    assert fleet.questions["web2"].request["options"]["confirm_timeout"] == 600.0
    _over(fleet)
    assert fleet.step("resume")["waves"] == []
    assert not fleet.step("finalize")["detached"]
    assert fleet.asked[-2:] == [("web1", "confirm"), ("web2", "confirm")]
    assert read_detached(fleet.run.folder) is None


@pytest.mark.parametrize("decision", ["continue", "heartbeat", "stop"])
def test_what_fails_meanwhile_or_a_person_who_stops_it_rolls_back(make: Callable[..., Fleet], decision: str) -> None:
    fleet = make({"bake": BAD} if decision != "stop" else None)
    fleet.step("preflight", detach=True)
    _left(fleet)
    resumed = fleet.step("resume", decision=decision)
    assert (resumed["stopped"], resumed["waves"], resumed["detached"]) == (True, [], False)
    fleet.step("finalize")
    assert ("web1", "rollback") in fleet.asked
    assert ("web2", "activate") not in fleet.asked


def test_a_bad_first_look_is_not_left_to_anybody(make: Callable[..., Fleet]) -> None:
    fleet = make({"activate": {"bake": {"problems": [{"what": "5xx"}]}}})
    fleet.step("preflight", detach=True)
    assert not _left(fleet)["detached"]
    fleet.step("finalize")
    assert ("web1", "rollback") in fleet.asked


def test_a_short_bake_leaves_nothing(make: Callable[..., Fleet]) -> None:
    fleet = make()
    fleet.step("preflight", detach=True)
    assert not _left(fleet, bake=1.0)["detached"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pid": 1}, "is being continued by process 1; wait until that has ended"),
        ({"hosts": [*HOSTS, "web9"]}, "has hosts that are not in this play: web9; leave out --limit"),
        ({"terms": {}}, "cannot be read (it has other keys); without heartbeats the hosts of this run roll back"),
        ({"folder": "/"}, "cannot be read"),
    ],
)
def test_what_cannot_be_continued_is_refused(make: Callable[..., Fleet], change: dict[str, Any], words: str) -> None:
    fleet = make()
    fleet.step("preflight", detach=True)
    _left(fleet)
    path = Path(fleet.run.folder, "detached.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SluiceError) as caught:
        fleet.step("resume")
    assert words in str(caught.value)


def test_a_run_that_was_not_left_cannot_be_resumed(make: Callable[..., Fleet]) -> None:
    with pytest.raises(SluiceError, match="is not detached: it is at work, has ended, or never was"):
        make().step("resume")


@pytest.mark.parametrize(
    ("waves", "hooks", "words"),
    [
        (WAVES, {"before_host": "drain.yml"}, "hooks run within one run"),
        ([{**WAVES[0], "pause": "person"}], {}, "a run that has ended waits for no person"),
    ],
)
def test_an_order_that_a_run_which_ends_cannot_keep_is_refused(
    waves: list[dict[str, Any]], hooks: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match="rollout_detach") as caught:
        check_detachable(waves, hooks)
    assert words in str(caught.value)


def test_a_run_that_agrees_with_others_is_not_left() -> None:
    with pytest.raises(InputError, match="rollout_detach: a run with rollout_store waits for what is decided"):
        check_detachable(WAVES, {}, is_shared=True)


def _decided(state: Path, **options: Any) -> dict[str, Any]:
    action: Any = Decide.__new__(Decide)
    action._state, action._task = (lambda: state), SimpleNamespace(check_mode=False)
    action._display = SimpleNamespace(display=lambda *_, **__: None)
    return dict(action.work({"run": "", "decision": "continue", **options}, {}))


def test_a_timer_finds_the_run_and_has_nothing_to_do_where_there_is_none(
    make: Callable[..., Fleet], tmp_path: Path
) -> None:
    assert _decided(tmp_path, decision="heartbeat") == {"changed": False, "run": "", "detached": False}
    with pytest.raises(SluiceError, match="no run waits for a person"):
        _decided(tmp_path)
    fleet = make()
    fleet.step("preflight", detach=True)
    _left(fleet)
    found = _decided(tmp_path, decision="heartbeat")
    assert (found["detached"], found["facts"]) == (True, fleet.run.to_json())


def test_the_end_of_a_run_is_not_judged_while_its_hosts_bake(make: Callable[..., Fleet]) -> None:
    fleet = make()
    fleet.step("preflight", detach=True)
    _left(fleet)
    action: Any = RunEnd.__new__(RunEnd)
    answer = action.work({"run": fleet.run.to_json(), "accepted_file": "", "inventory": ""}, {})
    assert "is detached: the hosts switched so far bake until" in answer["outcome"]
    assert not Path(fleet.run.folder, "run.json").exists()
