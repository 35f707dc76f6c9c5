"""What a step makes of what hosts answer; the hosts themselves are played here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.sluice.nginx.plugins.action import rollout
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet import pause
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.plugin_utils import emergency
from ansible_collections.sluice.nginx.plugins.plugin_utils import fleet as asking
from ansible_collections.sluice.nginx.plugins.plugin_utils.waiting import Job, Late

OLD = "a" * 64
HOSTS = ["web1", "web2"]

Answer = dict[str, Any]


class Fleet:
    """Two hosts that answer as ``answers`` says for an operation, or for ``operation host``."""

    def __init__(self, root: Path, answers: Mapping[str, Answer], *, check_mode: bool, diff: bool) -> None:
        self.release = _release(root)
        self.run = open_run(root / "runs")
        self.asked: list[tuple[str, str]] = []
        self.questions: dict[str, Question] = {}
        self.shown: list[str] = []
        self.said: list[str] = []
        self.warned: list[str] = []
        self.hosts = HOSTS
        self.variables: dict[str, dict[str, Any]] = {host: {} for host in HOSTS}
        self._answers = {"preflight": {"live": OLD, "changes_needed": True, "has_release": False}, **answers}
        self._task = SimpleNamespace(
            check_mode=check_mode, diff=diff, _role=SimpleNamespace(get_default_vars=lambda: {"rollout_keep": 5})
        )

    def _display(self, line: str, color: str | None = None, **_: Any) -> None:
        (self.shown if color == "red" else self.said).append(line)

    def step(self, step: str, **more: Any) -> Answer:
        """Take a step; by default for both hosts, without signing, in an emergency that needs no receipt."""
        action: Any = rollout.ActionModule.__new__(rollout.ActionModule)
        action._task, action._loader = self._task, None
        action._templar = SimpleNamespace(template=lambda value: value)
        action._display = SimpleNamespace(display=self._display, warning=self.warned.append)
        action._answers = self._play
        action._variables = self.variables.__getitem__
        action._variables_of_task = {"groups": {"all": HOSTS, "eu": HOSTS[:1]}}
        defaults = {name: spec.get("default") for name, spec in rollout.ActionModule.argument_spec().items()}
        releases = dict.fromkeys(self.hosts, self.release.id)
        given = {"run": self.run.to_json(), "releases": releases, "emergency": "a test", "bake": 0.0}
        return dict(action.work_on(self.hosts, {**defaults, **given, "step": step, **more}))

    def _play(self, askings: Mapping[str, asking.HostRequest]) -> Iterator[tuple[str, Answer]]:
        for host, each in askings.items():
            operation = each.question.request["op"]
            self.asked.append((host, operation))
            self.questions[host] = each.question
            good = {"ok": True, "changed": operation in ("activate", "confirm", "rollback"), "problems": []}
            said = self._answers.get(f"{operation} {host}", self._answers.get(operation, {}))
            yield host, {**good, **said, "seconds": each.question.request.get("seconds")}

    def events(self) -> list[tuple[str, str, bool]]:
        """The journal: host, phase, and whether that was good."""
        return [(event.host, event.phase, event.good) for event in RunRecord(self.run).events()]


def _release(root: Path) -> Release:
    tree = {"nginx.conf": trees.file(b"events {}\n", "raw")}
    return ReleaseStore(root / "releases").add(trees.overlay(tree), [], [], {"os": "debian 12"})


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fleet]:
    monkeypatch.setattr(rollout.ActionModule, "_state", lambda _: tmp_path)
    monkeypatch.setattr(emergency, "load_extra_vars", lambda loader: {"rollout_emergency": "a test"})

    def made(check_mode: bool = False, diff: bool = False, **answers: Answer) -> Fleet:
        named = {name.replace("_", " "): answer for name, answer in answers.items()}
        return Fleet(tmp_path, named, check_mode=check_mode, diff=diff)

    return made


def test_a_run_asks_each_host_three_times(make: Callable[..., Fleet]) -> None:
    hosts = make()
    for step in ("preflight", "wave", "finalize"):
        hosts.step(step)
    assert hosts.asked == [(host, step) for step in ("preflight", "activate", "confirm") for host in HOSTS]


def test_the_preflight_returns_the_waves_of_hosts_that_are_to_change(make: Callable[..., Fleet]) -> None:
    waves = make().step("preflight", waves=[{"group": "eu", "pause": "person"}, "100%"])["waves"]
    assert waves == [
        {"name": "eu", "hosts": ["web1"], "pause": "person"},
        {"name": "wave 2", "hosts": ["web2"], "pause": 0.0},
    ]
    some = make(preflight_web1={"changes_needed": False, "live": OLD})
    assert [wave["hosts"] for wave in some.step("preflight")["waves"]] == [["web2"]]


def test_an_order_that_cannot_be_stops_the_run_before_any_host_is_asked(make: Callable[..., Fleet]) -> None:
    hosts = make()
    with pytest.raises(InputError, match="web2 would be in no wave"):
        hosts.step("preflight", waves=["eu"])
    assert hosts.asked == []


def test_hosts_pending_are_watched_while_the_run_waits(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    hosts.step("wave", wave=["web1"], pause=0.05, confirm_timeout=5.0)
    assert hosts.asked[2:4] == [("web1", "activate"), ("web1", "bake")]
    assert hosts.events()[-1] == ("", "pause", True)


def test_what_fails_while_the_run_waits_ends_the_wait(make: Callable[..., Fleet]) -> None:
    hosts = make(bake={"ok": False, "problems": [{"what": "5xx rose"}]})
    hosts.step("preflight")
    hosts.step("wave", wave=["web1"], pause="person")
    assert hosts.events()[-1] == ("web1", "bake", False)
    assert not (Path(hosts.run.folder) / "waiting.json").exists()


@pytest.mark.parametrize(("decision", "good"), [("continue", True), ("stop", False)])
def test_a_person_lets_the_run_go_on_or_stops_it(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch, decision: str, good: bool
) -> None:
    hosts = make()
    hosts.step("preflight")
    play = hosts._play

    def decide(askings: Mapping[str, asking.HostRequest]) -> Iterator[tuple[str, Answer]]:
        yield from play(askings)
        if hosts.asked[-1][1] == "bake":
            pause.decide_wait(pause.find_waiting(Path(hosts.run.folder).parent, ""), decision)

    monkeypatch.setattr(hosts, "_play", decide)
    hosts.step("wave", wave=["web1"], wave_name="eu", pause="person")
    assert hosts.events()[-1] == ("", "pause", good)
    waits = f"the run waits after eu: sluice.nginx.continue -e run={hosts.run.id} lets it"
    assert any(line.startswith(waits) for line in hosts.said)
    hosts.step("finalize")
    assert hosts.asked[-1] == ("web1", "confirm" if good else "rollback")


def test_a_run_that_nobody_lets_go_on_stops(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    hosts.step("wave", wave=["web1"], pause="person", pause_limit=0.01)
    assert hosts.events()[-1] == ("", "pause", False)
    assert hosts.shown[-1].startswith("the run: pause: nobody let the run go on within 0.01 s")


def test_alarms_are_asked_before_the_first_wave_and_through_the_bake(
    make: Callable[..., Fleet], tmp_path: Path
) -> None:
    burning = tmp_path / "burning"
    alarms = [{"name": "orders", "command": ["test", "!", "-e", str(burning)]}]
    hosts = make()
    assert hosts.step("preflight", alarms=alarms)["due"] is True
    burning.touch()
    assert hosts.step("wave", alarms=alarms, wave=["web1"])["stopped"] is True
    assert hosts.events()[-1] == ("", "alarms", False)
    assert hosts.shown[-1].startswith("the run: alarms: orders has begun to burn: exit code 1")
    hosts.step("finalize")
    assert hosts.asked[-1] == ("web1", "rollback")


def test_an_alarm_that_burns_already_stops_the_run_before_any_host_is_touched(make: Callable[..., Fleet]) -> None:
    hosts = make()
    assert hosts.step("preflight", alarms=[{"command": ["false"]}])["due"] is False
    assert [operation for _, operation in hosts.asked] == ["preflight", "preflight"]
    ignored = make()
    row = {"command": ["false"], "burning": "ignore"}
    assert ignored.step("preflight", alarms=[row])["due"] is True
    assert ignored.step("wave", alarms=[row])["stopped"] is False


def test_no_alarm_is_asked_where_no_host_changes(make: Callable[..., Fleet]) -> None:
    hosts = make(preflight={"changes_needed": False, "live": OLD})
    hosts.step("preflight", alarms=[{"command": ["false"]}])
    assert [phase for _, phase, _ in hosts.events()] == ["preflight", "preflight"]


def _taken_on(hosts: Fleet, step: str, monkeypatch: pytest.MonkeyPatch, **variables: Any) -> list[str]:
    """On which hosts a step is taken, by the variables of its task."""
    found: list[str] = []
    monkeypatch.setattr(rollout.ActionModule, "_group", lambda _: "web")

    def take(_: object, here: list[str], options: Answer) -> Answer:
        found.extend(here)
        return {}

    monkeypatch.setattr(rollout.ActionModule, "work_on", take)
    action: Any = rollout.ActionModule.__new__(rollout.ActionModule)
    action.work({"step": step, "run": hosts.run.to_json()}, {"groups": {"web": HOSTS}, **variables})
    return found


def test_a_host_that_a_task_of_a_hook_has_lost_is_asked_on(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make()
    hosts.step("preflight")
    play = {"ansible_play_hosts": ["web2", "localhost"], "ansible_play_hosts_all": [*HOSTS, "localhost"]}
    assert _taken_on(hosts, "finalize", monkeypatch, **play) == HOSTS
    # Before the preflight, Ansible has its say.
    assert _taken_on(hosts, "preflight", monkeypatch, **play) == ["web2"]


def test_a_play_without_a_host_of_the_group_is_refused(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    play = {"ansible_play_hosts": ["localhost"], "ansible_play_hosts_all": ["localhost"]}
    with pytest.raises(SluiceError, match="no host of the group 'web' is in this play"):
        _taken_on(make(), "finalize", monkeypatch, **play)


def _slots(requests: int, errors: int, end: int) -> Answer:
    slot = {"requests": requests, "errors": errors, "upstream": 0, "closed": 0, "times": [0] * 12}
    return {"end": end, "known": True, "slots": [slot]}


@pytest.mark.parametrize(("errors", "operation"), [(60, "rollback"), (6, "confirm")])
def test_visitors_of_the_canary_are_compared_with_others(
    make: Callable[..., Fleet], errors: int, operation: str
) -> None:
    hosts = make(count=_slots(300, 3, 1000))
    hosts.step("preflight")
    # The first look after the switch has visitors of both releases.
    hosts.step("wave", wave=["web1"], evidence=True)
    hosts._answers["count web1"] = _slots(300, errors, 1010)
    hosts.step("bake", evidence=True, bake=10.0)
    assert [op for _, op in hosts.asked[2:]] == [*["count"] * 2, "activate", *["count"] * 2, "bake", *["count"] * 2]
    assert hosts.events()[-1] == ("", "evidence", operation == "confirm")
    if operation == "rollback":
        assert "switched hosts answer with 5xx more often than hosts that are not" in hosts.shown[-1]
    else:
        assert "too little traffic to tell" in hosts.said[-1]
    hosts.step("finalize")
    assert hosts.asked[-1] == ("web1", operation)


def test_without_hosts_to_compare_with_that_is_said(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    hosts.step("wave", evidence=True)
    assert [operation for _, operation in hosts.asked] == ["preflight"] * 2 + ["activate"] * 2
    assert hosts.warned == [
        "rollout_evidence: no host is left that is not switched, so the canary cannot be compared; use smaller waves"
    ]


LOST = {"ok": False, "unreachable_host": True, "problems": [{"what": "the host cannot be reached"}]}


@pytest.mark.parametrize("phase", ["preflight", "activate"])
@pytest.mark.parametrize(("budget", "last"), [("0", "rollback"), ("1", "confirm"), ("50%", "confirm")])
def test_hosts_may_fail_to_be_reached_within_the_budget(
    make: Callable[..., Fleet], phase: str, budget: str, last: str
) -> None:
    hosts = make(**{f"{phase}_web2": LOST})
    hosts.step("preflight", unreachable_budget=budget)
    hosts.step("wave")
    hosts.step("finalize")
    if phase == "preflight" and last == "rollback":
        assert hosts.asked == [("web1", "preflight"), ("web2", "preflight")]
    else:
        assert [operation for host, operation in hosts.asked if host == "web1"][-1] == last
    asked = [operation for host, operation in hosts.asked if host == "web2"]
    assert asked == (["preflight"] if phase == "preflight" else ["preflight", "activate", "rollback"])


def test_a_host_that_is_lost_when_it_confirms_is_asked_to_roll_back_alone(make: Callable[..., Fleet]) -> None:
    hosts = make(confirm_web2=LOST)
    hosts.step("preflight", unreachable_budget="1")
    hosts.step("wave")
    hosts.step("finalize")
    assert hosts.asked[-3:] == [("web1", "confirm"), ("web2", "confirm"), ("web2", "rollback")]


def test_a_run_that_changes_nothing_asks_each_host_once(make: Callable[..., Fleet]) -> None:
    hosts = make(preflight={"changes_needed": False})
    results = [hosts.step(step) for step in ("preflight", "wave", "finalize")]
    assert hosts.asked == [("web1", "preflight"), ("web2", "preflight")]
    assert [result["changed"] for result in results] == [False, False, False]
    assert results[1]["hosts"]["web2"]["why"] == "serves this release already"


def test_what_a_host_has_is_not_sent_again(make: Callable[..., Fleet]) -> None:
    hosts = make(preflight_web1={"has_release": True, "changes_needed": True})
    hosts.step("preflight")
    hosts.step("wave")
    bundles = {host: question.bundle for host, question in hosts.questions.items()}
    assert bundles == {"web1": b"", "web2": hosts.release.bundle}


def test_hosts_that_are_asked_the_same_share_the_question(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    assert hosts.questions["web1"] is hosts.questions["web2"]


def test_a_bake_has_an_event_of_its_own_and_a_bad_one_stops_the_run(make: Callable[..., Fleet]) -> None:
    hosts = make(activate={"bake": {"problems": []}}, activate_web2={"bake": {"problems": [{"what": "5xx rose"}]}})
    hosts.step("preflight")
    hosts.step("wave", bake=1.0)
    assert hosts.events()[2:] == [
        ("web1", "activate", True),
        ("web1", "bake", True),
        ("web2", "activate", True),
        ("web2", "bake", False),
    ]
    assert hosts.shown == ["web2: bake: 5xx rose"]
    assert hosts.said == ["preflight: 2 hosts can take the release", "  web1: activated"]
    hosts.step("finalize")
    assert hosts.asked[-2:] == [("web1", "rollback"), ("web2", "rollback")]


def test_hosts_of_earlier_waves_are_watched_while_the_next_is_switched(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    hosts.step("wave", wave=["web1"])
    hosts.step("wave", wave=["web2"])
    assert hosts.asked[2:] == [("web1", "activate"), ("web1", "bake"), ("web2", "activate")]


def test_a_long_bake_is_cut_into_rounds(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight")
    hosts.step("wave", wave=["web1"], bake=25.0, confirm_timeout=30.0)
    assert hosts.asked[2:] == [("web1", "activate"), ("web1", "bake"), ("web1", "bake")]
    seconds = [
        event.answer["seconds"] for event in RunRecord(hosts.run).events() if event.phase in ("activate", "bake")
    ]
    assert seconds == [8.333, 8.333, 8.333]


def test_one_that_could_not_confirm_rolls_the_others_back(make: Callable[..., Fleet]) -> None:
    hosts = make(confirm_web2={"ok": False, "problems": [{"what": "its worker died"}]})
    for step in ("preflight", "wave", "finalize"):
        hosts.step(step)
    assert hosts.asked[4:] == [("web1", "confirm"), ("web2", "confirm"), ("web1", "rollback"), ("web2", "rollback")]
    assert hosts.shown == ["web2: finalize: its worker died"]


def test_a_host_without_a_release_is_said_and_stops_the_others(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.step("preflight", releases={"web1": hosts.release.id})
    assert hosts.asked == [("web1", "preflight")]
    assert hosts.shown == [
        "web2: preflight: the gates made no release for this host; run sluice.nginx.deploy, which runs the gates"
    ]
    assert hosts.step("wave")["hosts"]["web1"]["why"] == "not switched, because web2 failed in preflight"


def test_a_stored_release_is_named_by_the_host(make: Callable[..., Fleet]) -> None:
    there = "c" * 64
    hosts = make(preflight={"release": there, "changes_needed": True, "has_release": True})
    hosts.step("preflight", releases={}, stored="previous")
    hosts.step("wave", releases={}, stored="previous")
    activated = [event.answer["release"] for event in RunRecord(hosts.run).events() if event.phase == "activate"]
    assert activated == [there, there]


def test_check_mode_looks_and_says_what_it_would_do(make: Callable[..., Fleet]) -> None:
    hosts = make(check_mode=True)
    assert hosts.step("preflight")["changed"]
    assert hosts.step("wave")["hosts"] == {host: {"changed": True, "would": "activate"} for host in HOSTS}
    assert hosts.asked == [("web1", "preflight"), ("web2", "preflight")]


def test_diff_mode_shows_each_difference_once(make: Callable[..., Fleet]) -> None:
    hosts = make(diff=True, preflight={"tree": {"nginx.conf": "events { }\n"}, "changes_needed": True})
    (shown,) = hosts.step("preflight")["diff"]
    assert shown["prepared"].splitlines() == [
        "web1, web2:",
        "--- live/nginx.conf",
        "+++ release/nginx.conf",
        "@@ -1 +1 @@",
        "-events { }",
        "+events {}",
    ]
    assert "tree" not in json.dumps([event.answer for event in RunRecord(hosts.run).events()])


def test_a_run_has_one_setting_for_all_its_hosts(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts.variables["web2"]["rollout_keep"] = 3
    with pytest.raises(InputError) as raised:
        hosts.step("preflight")
    assert str(raised.value) == (
        "rollout_keep: web1 has None and web2 has 3, but a run has one for all of its hosts; set it for their group, "
        "or leave hosts out with --limit"
    )
    assert hosts.asked == []


def test_terms_that_cannot_be_are_refused_before_any_host_is_asked(make: Callable[..., Fleet]) -> None:
    hosts = make()
    with pytest.raises(InputError, match="2 s is too short"):
        hosts.step("preflight", confirm_timeout=2.0)
    assert hosts.asked == []


def _raising(error: Exception) -> Callable[[Question], Answer]:
    def ask(question: Question) -> Answer:
        raise error

    return ask


@pytest.mark.parametrize(
    ("way", "what", "unreachable"),
    [
        (
            SimpleNamespace(ask=_raising(AnsibleConnectionFailure("timed out"))),
            "the host cannot be reached: timed out",
            True,
        ),
        (SimpleNamespace(ask=_raising(SluiceError("python3 is missing"))), "python3 is missing", False),
        (SimpleNamespace(ask=_raising(KeyError("live"))), "KeyError on the controller: 'live'", False),
        (
            SluiceError("the connection plugin 'pigeon' was not found"),
            "the connection plugin 'pigeon' was not found",
            False,
        ),
    ],
)
def test_whatever_goes_wrong_with_a_host_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, way: Any, what: str, unreachable: bool
) -> None:
    answer = _answered(monkeypatch, way)
    assert answer["problems"] == [{"what": what}]
    assert (answer["ok"], answer["unreachable_host"]) == (False, unreachable)


def test_a_host_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(jobs: Iterator[Job[Answer]], at_once: int) -> Iterator[tuple[str, Late]]:
        return iter([(job.host, Late(job.seconds)) for job in jobs])

    ended: list[bool] = []
    monkeypatch.setattr(asking, "as_they_end", late)
    monkeypatch.setattr(asking, "end_children", lambda: ended.append(True))
    answer = _answered(monkeypatch, SimpleNamespace())
    assert answer["problems"] == [{"what": "the host did not answer within 80 s; see what hangs there"}]
    assert (answer["unreachable_host"], ended) == (True, [True])


def _answered(monkeypatch: pytest.MonkeyPatch, way: Any) -> Answer:
    monkeypatch.setattr(asking, "engines", lambda action, hosts: iter([(host, way) for host in hosts]))
    monkeypatch.setattr(context, "CLIARGS", {"forks": 5})
    action: Any = rollout.ActionModule.__new__(rollout.ActionModule)
    (found,) = action._answers({"web1": asking.HostRequest(Question({"op": "status"}), 80)})
    assert found[0] == "web1"
    return dict(found[1])


def test_a_rollback_is_signed_where_there_is_a_key(make: Callable[..., Fleet], tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    answer = {"live": OLD, "release": "b" * 64, "changes_needed": True, "has_release": True}
    for given in ({}, {"signing_key": str(key), "inventory": "production"}):
        hosts = make(preflight=answer)
        for step in ("preflight", "wave"):
            hosts.step(step, stored="previous", **given)
        request = hosts.questions["web1"].request
        assert (request["stored"], "receipt" in request) == (True, bool(given))
    permission = request["receipt"]
    assert (permission["kind"], permission["release"]) == ("rollback", "b" * 64)
    assert (permission["inventory"], permission["run"]) == ("production", hosts.run.id)
    assert request["signature"].startswith("-----BEGIN SSH SIGNATURE-----")


def test_an_emergency_from_an_inventory_is_refused_before_any_host_is_asked(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make()
    monkeypatch.setattr(emergency, "load_extra_vars", lambda loader: {})
    with pytest.raises(InputError, match="rollout_emergency: it is set by an inventory, a playbook, a role or a fact"):
        hosts.step("preflight", emergency="tidy up")
    assert hosts.asked == []
