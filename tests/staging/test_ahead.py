"""Stages that are started ahead of the gates: they change no verdict, and none outlives its run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.ahead import end_ahead, start_ahead, take
from ansible_collections.sluice.nginx.plugins.module_utils.staging.orphans import owner_label
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Verdict

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_bytes()
LIVE = "server { listen 80; location / { proxy_pass http://app.example:8080; } location = /up { return 200 up; } }"
SECONDS = 60.0


@pytest.fixture
def run() -> Iterator[subprocess.Popen[bytes]]:
    """Something that lives as long as a run."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def begin(run: subprocess.Popen[bytes], stage_settings: StageSettings) -> Callable[..., str]:
    """``begin(count)``: start stages ahead; tells where they are taken."""

    def started(count: int, image: str = stage_settings.image) -> str:
        labels = {**stage_settings.labels, **owner_label(run.pid)}
        path = start_ahead(count, image, labels, stage_settings.bounds, run.pid)
        assert path
        return path

    return started


def _of(engine: docker.DockerClient, run: subprocess.Popen[bytes]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = engine.api.containers(all=True, filters={"label": f"sluice.pid={run.pid}"})
    return found


def _wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def _release(folder: Path, text: str) -> Release:
    files = {"nginx.conf": trees.file(MAIN, "raw"), "conf.d/site.conf": trees.file(text.encode(), "raw")}
    return ReleaseStore(folder).add(trees.overlay(files), [], [], {})


def _said(verdicts: list[Verdict]) -> list[tuple[Any, ...]]:
    """What verdicts say, without figures that a clock gave."""
    return [(each.gate, each.result, [(one.what, one.file, one.line) for one in each.findings]) for each in verdicts]


def test_verdicts_are_the_same_whether_a_stage_was_started_ahead_or_not(
    engine: docker.DockerClient,
    stage_settings: StageSettings,
    begin: Callable[..., str],
    run: subprocess.Popen[bytes],
    tmp_path: Path,
) -> None:
    live, good = _release(tmp_path, LIVE), _release(tmp_path, LIVE.replace("200 up", "200 well"))
    bad = _release(tmp_path, LIVE.replace("listen 80", "listen 127.0.0.1:80"))
    candidates = [Candidate(("web1",), each, (), live) for each in (good, bad)]

    def examined(settings: StageSettings) -> list[Any]:
        examiner = Examiner(engine, find_gates(), GateOptions(), settings, (), "test-ahead")
        return [_said(list(each.verdicts)) for one in candidates for each in examiner.examine([one])]

    cold = examined(stage_settings)
    path = begin(4)
    assert examined(replace(stage_settings, ahead=path)) == cold
    assert not Path(path).parent.exists(), "all four were taken"
    assert not _of(engine, run), "and are gone with their examination"
    assert {name: result for name, result, _ in cold[1]}["reload"] == "fail"


def test_what_nobody_takes_ends_with_the_run(
    engine: docker.DockerClient, begin: Callable[..., str], run: subprocess.Popen[bytes]
) -> None:
    path = begin(2)
    taken = take(path)
    assert taken is not None
    _wait(lambda: len(_of(engine, run)) == 6)
    run.kill()
    run.wait()
    _wait(lambda: not Path(path).parent.exists())
    # What was taken is his who took it.
    _wait(lambda: {each["Id"] for each in _of(engine, run)} == set(taken.ids))
    for stream in taken.streams:
        stream.close()
    for identity in taken.ids:
        engine.api.remove_container(identity, force=True, v=True)


def test_nothing_is_left_when_the_gates_have_ended(
    engine: docker.DockerClient, begin: Callable[..., str], run: subprocess.Popen[bytes]
) -> None:
    path = begin(2)
    end_ahead(path)
    assert not _of(engine, run)
    assert not Path(path).parent.exists()
    end_ahead(path)
    assert take(path) is None


def test_a_run_that_ends_at_once_leaves_nothing(
    engine: docker.DockerClient, begin: Callable[..., str], run: subprocess.Popen[bytes]
) -> None:
    path = begin(2)
    run.kill()
    run.wait()
    _wait(lambda: not Path(path).parent.exists() and not _of(engine, run))


def test_an_image_that_is_not_there_is_told_by_the_stage_that_needs_it(
    engine: docker.DockerClient, begin: Callable[..., str], run: subprocess.Popen[bytes]
) -> None:
    path = begin(1, "sluice-no-such-image")
    assert take(path) is None
    _wait(lambda: not Path(path).parent.exists())
    assert take(path) is None
    assert not _of(engine, run)
