"""Stages that are started ahead of the gates: they change no verdict, and none outlives its run, unless it is kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
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
from ansible_collections.sluice.nginx.plugins.module_utils.staging.ahead import end_ahead, start_ahead
from ansible_collections.sluice.nginx.plugins.module_utils.staging.handover import take
from ansible_collections.sluice.nginx.plugins.module_utils.staging.orphans import is_alive
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
        path = start_ahead(count, image, stage_settings.labels, stage_settings.bounds, run.pid)
        assert path
        return path

    return started


class Kept:
    """Stages that are kept for the next run: each is a process, ``begin`` for so many seconds and stages."""

    def __init__(self, engine: docker.DockerClient, settings: StageSettings) -> None:
        # A name of their own, so that no other run finds them.
        self._labels = {**settings.labels, "sluice.kept": secrets.token_hex(4)}
        self._engine, self._settings = engine, settings
        self._known: set[int] = set()

    def begin(self, run: int, seconds: float = SECONDS, count: int = 1) -> str:
        path = start_ahead(count, self._settings.image, self._labels, self._settings.bounds, run, "", seconds)
        _wait(lambda: bool(self._keepers))
        return path

    @property
    def _rows(self) -> list[Mapping[str, Any]]:
        label = f"sluice.kept={self._labels['sluice.kept']}"
        found: list[Mapping[str, Any]] = self._engine.api.containers(all=True, filters={"label": label})
        return found

    @property
    def _keepers(self) -> set[int]:
        self._known |= {int(each["Labels"]["sluice.pid"]) for each in self._rows}
        return {each for each in self._known if is_alive(each)}

    def end(self) -> None:
        """Have whoever keeps them end, and remove what is left."""
        for keeper in self._keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
        _wait(lambda: not self._keepers)
        self.remove()

    @property
    def ids(self) -> set[str]:
        """The containers that there are."""
        return {each["Id"] for each in self._rows}

    def remove(self) -> set[str]:
        """Remove them; tells what was there."""
        found = self.ids
        for identity in found:
            with contextlib.suppress(docker.errors.APIError):
                self._engine.api.remove_container(identity, force=True, v=True)
        return found


@pytest.fixture
def kept(engine: docker.DockerClient, stage_settings: StageSettings) -> Iterator[Kept]:
    made = Kept(engine, stage_settings)
    yield made
    made.end()


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
    path = begin(1)
    end_ahead(path)
    assert not _of(engine, run)
    assert not Path(path).parent.exists()
    end_ahead(path)
    assert take(path) is None


def test_a_run_that_ends_at_once_leaves_nothing(
    engine: docker.DockerClient, begin: Callable[..., str], run: subprocess.Popen[bytes]
) -> None:
    path = begin(1)
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


def test_a_run_finds_stages_that_an_earlier_one_has_kept_and_its_verdicts_are_the_same(
    engine: docker.DockerClient,
    stage_settings: StageSettings,
    kept: Kept,
    run: subprocess.Popen[bytes],
    tmp_path: Path,
) -> None:
    live, bad = _release(tmp_path, LIVE), _release(tmp_path, LIVE.replace("listen 80", "listen 127.0.0.1:80"))

    def examined(ahead: str) -> list[tuple[Any, ...]]:
        settings = replace(stage_settings, ahead=ahead)
        (found,) = Examiner(engine, find_gates(), GateOptions(), settings, (), "test-kept").examine(
            [Candidate(("web1",), bad, (), live)]
        )
        return _said(list(found.verdicts))

    path = kept.begin(run.pid, count=2)
    _wait(lambda: len(kept.ids) == 6)
    first = kept.ids
    cold = examined("")
    assert examined(path) == cold
    end_ahead(path)
    _wait(lambda: not kept.ids)
    run.kill()
    run.wait()
    _wait(lambda: len(kept.ids) == 6)
    assert not kept.ids & first, "nobody gets what somebody has used"
    assert kept.begin(os.getpid(), count=2) == path
    assert examined(path) == cold


def test_kept_stages_end_when_nobody_has_come_for_a_while(kept: Kept, run: subprocess.Popen[bytes]) -> None:
    path = kept.begin(run.pid, seconds=1)
    _wait(lambda: len(kept.ids) == 3)
    time.sleep(2)
    assert len(kept.ids) == 3, "the run goes on"
    run.kill()
    run.wait()
    _wait(lambda: not kept.ids and not Path(path).parent.exists())


def test_kept_stages_end_when_somebody_removes_one(kept: Kept, run: subprocess.Popen[bytes]) -> None:
    path = kept.begin(run.pid)
    _wait(lambda: len(kept.ids) == 3)
    kept.remove()
    _wait(lambda: not kept.ids and not Path(path).parent.exists())


def test_whoever_keeps_stages_and_is_told_to_end_removes_them_first(
    engine: docker.DockerClient, kept: Kept, run: subprocess.Popen[bytes]
) -> None:
    path = kept.begin(run.pid)
    _wait(lambda: len(kept.ids) == 3)
    (keeper,) = {int(engine.containers.get(identity).labels["sluice.pid"]) for identity in kept.ids}
    os.kill(keeper, signal.SIGTERM)
    _wait(lambda: not kept.ids and not Path(path).parent.exists())


def test_what_a_killed_run_has_taken_is_removed(kept: Kept, run: subprocess.Popen[bytes]) -> None:
    path = kept.begin(run.pid, count=2)
    code = (
        f"from {take.__module__} import take; import time; taken = take({path!r}); print(taken.name); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as taker:
        assert taker.stdout is not None
        assert taker.stdout.readline().startswith(b"sluice-ahead-")
        _wait(lambda: len(kept.ids) == 6)
        taker.kill()
    _wait(lambda: len(kept.ids) == 3)


def test_a_folder_that_others_reach_is_not_trusted(kept: Kept, run: subprocess.Popen[bytes]) -> None:
    path = kept.begin(run.pid)
    folder = Path(path).parent
    _wait(lambda: len(kept.ids) == 3)
    folder.chmod(0o755)
    assert take(path) is None
    other = kept.begin(run.pid)
    assert Path(other).parent != folder, "stages for this run alone"
    end_ahead(other)
    folder.chmod(0o700)
