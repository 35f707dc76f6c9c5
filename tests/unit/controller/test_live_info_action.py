"""What the action makes of what a host says, and where it keeps the tree that the host sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import live_info
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import release_id
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest, failure

PACKAGED = {"nginx.conf": trees.file(b"events {} http { include conf.d/*.conf; }", "packaged")}
SHOP = {"conf.d/shop.conf": trees.file(b"server { listen 8080; }", "raw")}
FACTS = {"nginx_version": "1.22.1", "modules": [], "os": "debian 12"}

Answer = dict[str, Any]


@pytest.fixture
def probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Let a host be asked, whose engine is ``engine``; returns its answer, and what it was asked as ``asked``."""
    monkeypatch.setattr(live_info.ActionModule, "_state", lambda _: tmp_path)
    trees.write(trees.overlay(PACKAGED), tmp_path / "packaged")

    def run(engine: Callable[[Answer], Answer]) -> Answer:
        made = ReleaseStore(tmp_path / "releases").add(trees.overlay(PACKAGED, SHOP), [], [], {})
        action: Any = live_info.ActionModule.__new__(live_info.ActionModule)
        asked: list[Answer] = []

        def play(askings: Mapping[str, HostRequest]) -> Iterator[tuple[str, Answer]]:
            for host, each in askings.items():
                asked.append(dict(each.question.request))
                yield host, engine(asked[-1])

        action._answers = play
        action._variables_of_task = {}
        action._display = SimpleNamespace(display=lambda *_, **__: None)
        releases = [{"id": made.id, "hosts": ["web1", "web9"]}, {"id": None, "hosts": ["web2"]}]
        options = {
            "releases": releases,
            "platform": {"tree": str(tmp_path / "packaged")},
            "endpoints": True,
            "packages": False,
        }
        (answered,) = action.work_on(["web1", "web2"], options)["answers"].items()
        assert answered[0] == "web1"
        return {**answered[1], "asked": asked[0]}

    return run


def _id(tree: trees.Tree) -> ReleaseId:
    return release_id(trees.manifest(trees.overlay(tree)))


def _host(tree: trees.Tree, *, withheld: trees.Tree | None = None) -> Callable[[Answer], Answer]:
    """A host that serves a tree, and keeps a part of it to itself."""
    sent = base64.b64encode(trees.bundle(trees.overlay(tree))).decode()
    live = _id({**tree, **(withheld or {})})

    def engine(request: Answer) -> Answer:
        answer = {"ok": True, "live": live, "confirmed": True, "needs": [], "facts": FACTS, "problems": []}
        return answer if live in request["known"] else {**answer, "tree": sent, "withheld": sorted(withheld or {})}

    return engine


def test_a_host_is_asked_for_what_its_release_needs(probed: Callable[..., Answer]) -> None:
    answer = probed(_host({**PACKAGED, **SHOP}))
    assert answer["asked"]["op"] == "probe"
    assert ("port", "8080/tcp") in {(need["kind"], need["value"]) for need in answer["asked"]["needs"]}


def test_a_live_tree_is_kept_once(probed: Callable[..., Answer], tmp_path: Path) -> None:
    served = {**PACKAGED, **SHOP, "more.conf": trees.file(b"", "raw")}
    first = probed(_host(served))
    assert (first["live_release"], first["packaged"], "tree" in first) == (_id(served), False, False)
    assert (tmp_path / "live" / _id(served) / "tree/conf.d/shop.conf").is_file()
    second = probed(_host(served))
    assert (second["live_release"], _id(served) in second["asked"]["known"]) == (_id(served), True)


def test_a_live_tree_without_its_keys_is_kept_under_another_name(probed: Callable[..., Answer], tmp_path: Path) -> None:
    key = {"shop.key": trees.file(b"KEY", "")}
    for _ in range(2):
        answer = probed(_host({**PACKAGED, **SHOP}, withheld=key))
        assert answer["live_release"] not in (None, _id({**PACKAGED, **SHOP, **key}))
        assert answer["live_release"] not in (_id({**PACKAGED, **SHOP}), *answer["asked"]["known"][2:])
    (kept,) = (tmp_path / "live").iterdir()
    assert kept.name == answer["live_release"]
    assert Release(kept.name, kept).described["withheld"] == ["shop.key"]


def test_what_the_package_brings_is_no_live_release(probed: Callable[..., Answer]) -> None:
    for _ in range(2):
        answer = probed(_host(PACKAGED))
        assert (answer["live_release"], answer["packaged"], answer["live"]) == (None, True, _id(PACKAGED))


def test_a_release_of_the_controller_is_not_sent_again(probed: Callable[..., Answer], tmp_path: Path) -> None:
    made = ReleaseStore(tmp_path / "releases").add(trees.overlay(PACKAGED, SHOP), [], [], {})
    answer = probed(_host({**PACKAGED, **SHOP}))
    assert (answer["live_release"], (tmp_path / "live").exists()) == (made.id, False)


def test_a_host_that_cannot_be_reached_says_so_and_fails_nothing(probed: Callable[..., Answer]) -> None:
    words = "the host cannot be reached: timed out"
    answer = probed(lambda request: failure(words, unreachable=True))
    assert (answer["ok"], answer["unreachable_host"]) == (False, True)
    assert answer["problems"] == [{"what": words}]


def test_a_tree_that_cannot_be_kept_is_told(probed: Callable[..., Answer]) -> None:
    def engine(request: Answer) -> Answer:
        return {**_host(PACKAGED)(request), "tree": base64.b64encode(b"noise").decode()}

    answer = probed(engine)
    assert (answer["ok"], answer["live_release"]) == (False, None)
    assert answer["problems"][0]["what"].startswith("what the host serves cannot be kept: the live tree that the host")
