"""What a run publishes at its end, and which hosts it leaves to that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import rollout
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import HostSummary
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId
from ansible_collections.sluice.nginx.plugins.plugin_utils.publishing import publish
from tests.unit.engine.pulling import make_key
from tests.unit.engine.simulation.releases import release
from tests.unit.publishing.test_folder import Controller

HOSTS = ("web1", "web2", "branch")


class Ending:
    """A run of web1 and web2, beside which ``branch`` pulls."""

    def __init__(self, root: Path, key: Path) -> None:
        self.made = Controller(root, key)
        self.shown: list[str] = []
        (root / "signers").write_text(self.made.signers)
        self.action: Any = SimpleNamespace(
            _state=lambda: root,
            _display=SimpleNamespace(display=lambda text, **_: self.shown.append(text)),
            _variables_of_task={"groups": {"sluice_pull": ["branch", "other"]}, "ansible_play_hosts_all": [*HOSTS]},
        )

    def end(self, serving: Mapping[str, str], pulled: str = "", **more: Any) -> dict[str, Any]:
        summary: Any = SimpleNamespace(
            outcome="2 hosts switched and confirmed",
            hosts={host: HostSummary("", "", release=release(name).id) for host, name in serving.items()},
        )
        row = {"folder": str(self.made.folder), "targets": {"autoscaled": "web1", "far": "web9"}}
        options = {
            **{"publish": row, "signing_key": str(self.made.key), "inventory": "production", "policy": {}, "needs": {}},
            **{"allowed_signers": str(self.made.root / "signers"), "bake": 1.0, "confirm_timeout": 30.0, "keep": 5},
            **{"drift": "refuse", "stored": "", "releases": {"branch": release(pulled).id} if pulled else {}},
        }
        return publish(self.action, {**options, **more}, summary)

    def published(self) -> dict[str, ReleaseId]:
        names = sorted(path.stem for path in (self.made.folder / "targets").glob("*.json"))
        return {name: self.made.statement(name)["release"] for name in names}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "ann")


@pytest.fixture
def ending(tmp_path: Path, key: Path) -> Ending:
    made = Ending(tmp_path, key)
    for name in ("a", "b", "c"):
        made.made.gated(name)
    return made


def test_hosts_of_the_run_those_that_pull_and_names_that_follow_one(ending: Ending) -> None:
    done = ending.end({"web1": "a", "web2": "b"}, pulled="c")
    a, b, c = (release(name).id for name in "abc")
    assert ending.published() == {"autoscaled": a, "branch": c, "web1": a, "web2": b}
    assert (done["changed"], done["published"]) == (True, ["autoscaled", "branch", "web1", "web2"])
    assert "4 new names, 0 as before" in ending.shown[-1]
    again = ending.end({"web1": "a", "web2": "b"}, pulled="c")
    assert (again["changed"], again["published"]) == (False, [])


def test_a_rollback_leads_hosts_that_pull_back_as_well(ending: Ending) -> None:
    ending.end({"web1": "a", "web2": "a"}, pulled="b")
    ending.end({"web1": "b", "web2": "b"}, pulled="c")
    ending.end({"web1": "a", "web2": "a"}, stored="previous")
    a, b = release("a").id, release("b").id
    assert ending.published() == {"autoscaled": a, "branch": b, "web1": a, "web2": a}
    ending.end({"web1": "a", "web2": "a"}, stored=a[:12])
    assert ending.published()["branch"] == a


def test_a_run_that_could_not_publish_fails_and_says_that_its_hosts_are_confirmed(ending: Ending) -> None:
    for more, words in (
        ({"signing_key": ""}, "hosts pull nothing that is not signed"),
        ({"publish": {"folder": "x", "days": 0}}, "days"),
        ({"allowed_signers": "/nowhere"}, "cannot be read"),
    ):
        done = ending.end({"web1": "a"}, **more)
        assert done["failed"]
        assert "2 hosts switched and confirmed; and nothing was published" in done["msg"]
        assert words in done["msg"]
    (ending.made.store.root / release("a").id / "receipt.json").unlink()
    assert "there is no receipt of the gates" in ending.end({"web1": "a"})["msg"]
    assert not (ending.made.folder / "targets").exists() or ending.published() == {}


@pytest.mark.parametrize(
    ("hosts", "asked"), [(["web1", "branch"], ["web1"]), (["web1"], ["web1"]), (["branch"], None), (["app1"], None)]
)
def test_a_run_asks_no_host_that_pulls(
    monkeypatch: pytest.MonkeyPatch, hosts: list[str], asked: list[str] | None
) -> None:
    action: Any = rollout.ActionModule.__new__(rollout.ActionModule)
    monkeypatch.setattr(action, "_group", lambda: "web", raising=False)
    monkeypatch.setattr(action, "work_on", lambda here, options: {"asked": here}, raising=False)
    groups = {"web": ["web1", "branch"], "sluice_pull": ["branch"]}
    variables = {"groups": groups, "ansible_play_hosts": hosts, "ansible_play_hosts_all": hosts}
    if asked is None:
        words = "whose hosts nobody reaches" if "branch" in hosts else "no host of the group"
        with pytest.raises(SluiceError, match=words):
            action.work({"step": "preflight"}, variables)
    else:
        assert json.dumps(action.work({"step": "preflight"}, variables)) == json.dumps({"asked": asked})
