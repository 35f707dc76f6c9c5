"""A host that answers anything beside one that is well: it fails alone, and every run comes to its end."""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.action import (
    fleet_info,
    leave,
    live_info,
    postmortem,
    rollout,
    run_end,
    unlock,
)
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.engine import MARKER
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId
from ansible_collections.sluice.nginx.plugins.plugin_utils import emergency
from ansible_collections.sluice.nginx.plugins.plugin_utils import fleet as asking
from tests.unit.hostile import GOOD, json_values, spoiled

OLD, EVIL = "e" * 64, "evil"
HOSTS = ["web1", EVIL]

Answer = dict[str, Any]
Says = Callable[[Answer], str]


class Environment:
    """A controller with a release for each of two hosts, of which ``evil`` says what it likes."""

    def __init__(self, root: Path, says: Says) -> None:
        self.root, self._says = root, says
        store = ReleaseStore(root / "releases")
        self.own: dict[str, ReleaseId] = {}
        for host in HOSTS:
            tree = trees.overlay({"nginx.conf": trees.file(b"events {} # " + host.encode(), "raw")})
            self.own[host] = store.identify(tree)
            store.add(tree, [], [], {"os": "debian 12", "nginx_version": "1.22.1", "modules": []})
        self.run: Run = open_run(root / "runs")
        self.asked: list[tuple[str, str]] = []
        self.sent: dict[str, bytes] = {}

    def ways(self, action: Any, hosts: list[str]) -> Iterator[tuple[str, Any]]:
        for host in hosts:
            yield host, SimpleNamespace(ask=lambda question, host=host: self._ask(host, question))

    def _ask(self, host: str, question: Question) -> Answer:
        operation = question.request["op"]
        self.asked.append((host, operation))
        self.sent[host] = self.sent.get(host, b"") + question.bundle
        said = self._says(question.request) if host == EVIL else json.dumps(self._honest(host, operation))
        return remote.answer(f"motd\n{MARKER}{said}\n", "", 0, operation)

    def _honest(self, host: str, operation: str) -> Answer:
        own = self.own[host]
        more: Mapping[str, Answer] = {
            "preflight": {"release": own, "live": OLD, "has_release": False, "changes_needed": True},
            "activate": {"changed": True, "release": own, "before": OLD, "checks": [], "workers": []},
            "confirm": {"changed": True, "release": own, "pruned": []},
            "rollback": {"changed": True, "release": OLD, "rolled_back": True},
            "status": {"pending": None, "journal": []},
            "probe": {"live": own},
        }
        return {**GOOD[operation], **more.get(operation, {})}

    def act(self, module: Any, options: Answer, *, check_mode: bool = False) -> Answer:
        action: Any = module.ActionModule.__new__(module.ActionModule)
        action._task = SimpleNamespace(check_mode=check_mode, diff=True, _role=None)
        action._display = SimpleNamespace(display=lambda *_, **__: None, warning=lambda *_: None)
        action._variables, action._loader = (lambda host: {}), None
        action._templar = SimpleNamespace(template=lambda value: value)
        action._variables_of_task = {"groups": {"web": HOSTS}}
        defaults = {name: spec.get("default") for name, spec in module.ActionModule.argument_spec().items()}
        given = {**defaults, **options}
        return dict(action.work_on(HOSTS, given) if hasattr(action, "work_on") else action.work(given, {}))

    def step(self, step: str, **more: Any) -> Answer:
        options = {"run": self.run.to_json(), "emergency": "a test", "bake": 0.0, "releases": dict(self.own)}
        return self.act(rollout, {**options, "step": step, **more})

    def finalized(self) -> dict[str, str]:
        """What each host was asked when the run was finalized."""
        return {
            event.host: event.answer["operation"] for event in RunRecord(self.run).events() if event.phase == "finalize"
        }

    def bad(self) -> set[str]:
        return {event.host for event in RunRecord(self.run).events() if not event.good}


@contextlib.contextmanager
def environment(says: Says) -> Iterator[Environment]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        made = Environment(Path(folder, "project/.sluice"), says)
        (made.root.parent / "ansible.cfg").touch()
        for module in (rollout, run_end, live_info, postmortem):
            patch.setattr(module.ActionModule, "_state", lambda _: made.root)
        patch.setattr(asking, "engines", made.ways)
        patch.setattr(context, "CLIARGS", {"forks": 5})
        patch.setattr(emergency, "load_extra_vars", lambda loader: {"rollout_emergency": "a test"})
        yield made


def _drawn(data: st.DataObject) -> Says:
    def says(request: Answer) -> str:
        good = GOOD[request["op"]]
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(st.text(max_size=30))
        return json.dumps(data.draw(st.just(good) | spoiled(good) | json_values()))

    return says


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_roll_out_is_finalized_whatever_a_host_answers(data: st.DataObject) -> None:
    with environment(_drawn(data)) as made:
        for step in ("preflight", "wave", "finalize"):
            made.step(step)
        told = made.act(run_end, {"run": made.run.to_json()})
        assert told["outcome"]
        assert json.loads((Path(made.run.folder) / "run.json").read_text())["events"]
        # It is switched in a wave only where every host is well, and then it is finalized, too.
        if ("web1", "activate") in made.asked:
            assert (
                made.finalized()["web1"] == ("rollback" if EVIL in made.bad() else "confirm")
                or (
                    "web1",
                    "rollback",
                )
                in made.asked
            )
        assert made.sent[EVIL] in (b"", ReleaseStore(made.root / "releases").get(made.own[EVIL]).bundle)


@pytest.mark.parametrize(
    ("at", "phase", "last"),
    [
        (("preflight",), "preflight", "preflight"),
        (("activate",), "activate", "rollback"),
        (("activate", "rollback"), "activate", "rollback"),
        (("confirm",), "finalize", "rollback"),
        (("confirm", "rollback"), "finalize", "rollback"),
    ],
)
@pytest.mark.parametrize("said", ['{"problems": 5, "ok": true}', "5", "[" * 100_000, "{", '{"ok": false}', ""])
def test_one_malformed_answer_is_that_hosts_failure(at: tuple[str, ...], phase: str, last: str, said: str) -> None:
    def says(request: Answer) -> str:
        return said if request["op"] in at else json.dumps(made._honest(EVIL, request["op"]))

    with environment(says) as made:
        for step in ("preflight", "wave", "finalize"):
            made.step(step)
        told = made.act(run_end, {"run": made.run.to_json()})
        assert told["failed"]
        assert told["outcome"].startswith(f"evil failed in {phase} (the host's answer to {at[0]} is malformed")
        assert [operation for host, operation in made.asked if host == "web1"][-1] == last
        assert ("NOT rolled back: evil" in told["outcome"]) is ("rollback" in at)


@pytest.mark.parametrize("operation", ["preflight", "activate", "confirm"])
def test_a_host_gets_its_own_release_and_none_that_it_names(operation: str) -> None:
    def says(request: Answer) -> str:
        answer = made._honest(EVIL, request["op"])
        named = made.own["web1"] if request["op"] == operation else answer.get("release")
        return json.dumps({**answer, "release": named})

    with environment(says) as made:
        for step in ("preflight", "wave", "finalize"):
            made.step(step)
        assert EVIL in made.bad()
        told = made.act(run_end, {"run": made.run.to_json()})
        words = f"answers for release {made.own['web1'][:12]}, and was asked for {made.own[EVIL][:12]}"
        assert words in told["outcome"]
        bundle = ReleaseStore(made.root / "releases").get(made.own[EVIL]).bundle
        assert made.sent[EVIL] == (b"" if operation == "preflight" else bundle)


def test_what_is_sent_is_the_controllers_own_even_where_the_journal_names_another() -> None:
    with environment(lambda request: json.dumps(made._honest(EVIL, request["op"]))) as made:
        record = RunRecord(made.run)
        for host in HOSTS:
            said = {"release": made.own["web1"], "live": OLD, "has_release": False, "changes_needed": True}
            record.note("preflight", host, good=True, answer=said)
        made.step("wave")
        assert made.sent[EVIL] == ReleaseStore(made.root / "releases").get(made.own[EVIL]).bundle


def _rolled_back(named: str, stored: str) -> tuple[list[tuple[str, str]], bytes, set[str]]:
    def says(request: Answer) -> str:
        return json.dumps({**made._honest(EVIL, request["op"]), "release": named})

    with environment(says) as made:
        for step in ("preflight", "wave"):
            made.step(step, stored=stored, releases={})
        made.step("finalize")
        return made.asked, made.sent[EVIL], made.bad()


def test_a_rollback_sends_nothing_whatever_a_host_names() -> None:
    asked, sent, bad = _rolled_back("c" * 64, "previous")
    assert (sent, bad) == (b"", set())
    assert (EVIL, "confirm") in asked


def test_a_rollback_to_a_release_takes_no_other_one() -> None:
    asked, sent, bad = _rolled_back("c" * 64, "d" * 12)
    assert (sent, bad) == (b"", set(HOSTS))
    assert {operation for _, operation in asked} == {"preflight"}


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["table", "json"]), st.booleans())
def test_those_who_look_and_free_hosts_see_the_others(data: st.DataObject, form: str, look: bool) -> None:
    with environment(_drawn(data)) as made:
        told = made.act(fleet_info, {"format": form})
        assert set(told["answers"]) == set(HOSTS)
        assert told["answers"]["web1"]["live"] == "a" * 64
        made.act(unlock, {}, check_mode=look)
        assert ("web1", "status") in made.asked
        made.act(leave, {}, check_mode=look)
        assert ("web1", "leave") in made.asked
        paths = made.act(postmortem, {"start": "2026-01-01T00:00", "end": "2026-01-01T01:00", "hosts": HOSTS})["paths"]
        assert Path(paths[0]).read_text(encoding="utf-8")


def test_a_pending_release_with_holes_keeps_nobody_from_being_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = {"release": "a" * 64, "before": OLD, "run": "r1"}

    def says(request: Answer) -> str:
        return json.dumps({**GOOD["status"], "pending": {}})

    with environment(says) as made:
        honest = made._honest

        def has_pending(host: str, operation: str) -> Answer:
            return {**honest(host, operation), **({"pending": pending} if operation == "status" else {})}

        monkeypatch.setattr(made, "_honest", has_pending)
        told = made.act(unlock, {})
        assert (told["freed"], told["failed"]) == (["web1"], True)
        assert told["msg"].startswith("evil: the host's answer to status is malformed")


def _packed(**files: str) -> str:
    tree = trees.overlay({name.replace("_", "."): trees.file(text.encode(), "") for name, text in files.items()})
    return base64.b64encode(trees.bundle(tree)).decode()


HOSTILE_PROBES: list[tuple[Answer, str]] = [
    ({"live": "../../../home/.ssh", "tree": _packed(evil_sh="#!/bin/sh")}, "malformed"),
    ({"live": "../live", "tree": _packed(nginx_conf="")}, "malformed"),
    (
        {"live": "f" * 64, "tree": _packed(nginx_conf="user root;")},
        "names its live tree ffffffffffff, and the one that",
    ),
    ({"live": "f" * 64, "tree": "!!!!"}, "is no base64"),
    ({"live": "f" * 64, "tree": _packed(nginx_conf="")[:-8]}, "cannot be kept"),
    ({"live": "f" * 64, "tree": [1]}, "malformed"),
    ({"live": "f" * 64, "tree": _packed(nginx_conf=""), "withheld": "all"}, "malformed"),
    ({"needs": [{"key": 5}]}, "malformed"),
]


@pytest.mark.parametrize(("said", "words"), HOSTILE_PROBES)
def test_a_hostile_probe_changes_nothing_outside_of_the_store(said: Answer, words: str) -> None:
    with environment(lambda request: json.dumps({**GOOD["probe"], **said})) as made:
        before = _files(made)
        answers = _probed(made)
        assert words in answers[EVIL]["problems"][0]["what"]
        assert not answers[EVIL].get("live_release")
        assert answers["web1"]["live_release"] == made.own["web1"]
        assert _files(made) == before
        assert {path.name for path in made.root.glob("live/*")} == set()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_probe_ends_well_whatever_a_host_answers(data: st.DataObject) -> None:
    with environment(_drawn(data)) as made:
        before = _files(made)
        answers = _probed(made)
        assert answers["web1"]["live_release"] == made.own["web1"]
        assert _files(made) == before


def test_a_host_that_names_a_release_of_the_controller_gives_it_no_other_tree() -> None:
    """Whatever it sends: what the controller has made itself it takes from its own store."""

    def says(request: Answer) -> str:
        return json.dumps(
            {**GOOD["probe"], "live": made.own["web1"], "tree": _packed(nginx_conf="evil"), "withheld": ["x"]}
        )

    with environment(says) as made:
        answers = _probed(made)
        assert answers[EVIL]["live_release"] == made.own["web1"]
        tree = ReleaseStore(made.root / "releases").get(made.own["web1"]).tree
        assert "evil" not in (tree / "nginx.conf").read_text()
        assert not (made.root / "live").exists()


def _probed(made: Environment) -> dict[str, Answer]:
    (made.root / "packaged").mkdir(exist_ok=True)
    releases = [{"id": made.own[host], "hosts": [host]} for host in HOSTS]
    options = {"releases": releases, "platform": {"tree": str(made.root / "packaged")}}
    return dict(made.act(live_info, options)["answers"])


def _files(made: Environment) -> list[str]:
    """What there is beside the controller's folder."""
    top = made.root.parent.parent
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if not path.is_relative_to(made.root))
