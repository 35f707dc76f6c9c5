"""What containers of a stage may take: what a user writes, what Docker gets, and what is said when it is too little."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Environment
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds, DiskWatch, read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings

GIB = 1 << 30


class _Engine:
    """A Docker engine of a machine with so many cores, and containers that wrote so much."""

    def __init__(self, cores: int = 8, written: dict[str, int] | None = None) -> None:
        self.killed: list[str] = []
        self.api = self
        self._cores = cores
        self._written = written or {}

    def info(self) -> dict[str, Any]:
        return {"NCPU": self._cores}

    def containers(self, size: bool, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        assert size
        return [{"Id": each, "Names": [f"/{each}"], "SizeRw": self._written[each]} for each in filters["id"]]

    def kill(self, identity: str) -> None:
        self.killed.append(identity)


def _engine(*arguments: Any) -> docker.DockerClient:
    return cast(docker.DockerClient, _Engine(*arguments))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Bounds()),
        ({"memory": "8g", "disk": "512m"}, Bounds(memory=8 * GIB, disk=GIB // 2)),
        ({"memory": "2G", "cpus": "1.5", "processes": "200"}, Bounds(memory=2 * GIB, cpus=1.5, processes=200)),
        ({"tree_size": 1000, "tree_files": 7}, Bounds(tree_size=1000, tree_files=7)),
    ],
)
def test_bounds_are_read(given: dict[str, Any], expected: Bounds) -> None:
    assert read_bounds(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memory": "lots"}, "staging_memory: 'lots' is no size; write a number with k, m or g, as 4g"),
        ({"memory": "-1"}, "staging_memory: '-1' is no size"),
        ({"memory": "0"}, "staging_memory: '0' is no size"),
        ({"memory": "٣g"}, "is no size"),
        ({"memory": "1m"}, "staging_memory: '1m' is too little; use at least 64 MiB"),
        ({"disk": None}, "staging_disk: None is no size"),
        ({"cpus": "many"}, "staging_cpus: 'many' is no number; write 0 or more"),
        ({"processes": -1}, "staging_processes: -1 is no number"),
        ({"processes": "nan"}, "staging_processes: 'nan' is no number"),
        ({"tree_files": "inf"}, "staging_tree_files: 'inf' is no number"),
    ],
)
def test_what_is_no_bound_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_bounds(given)
    assert words in str(refused.value)


@pytest.mark.parametrize("part", ["nginx", "stub", "judge", "image", "build"])
def test_every_container_is_bound(part: str) -> None:
    made = Bounds(memory=GIB).of(_engine(), part)
    assert (made["mem_limit"], made["memswap_limit"], made["pids_limit"], made["nano_cpus"]) == (GIB, GIB, 1024, 2e9)
    assert [(each["Name"], each["Soft"], each["Hard"]) for each in made["ulimits"]] == [("fsize", 4 * GIB, 4 * GIB)]
    assert (made["security_opt"], made["cap_drop"]) == (["no-new-privileges"], ["ALL"])
    assert not {"SYS_ADMIN", "SYS_PTRACE", "MKNOD", "SYS_MODULE", "SYS_CHROOT"} & {*made["cap_add"]}
    # Who is examined moves nobody's requests.
    assert ("NET_ADMIN" in made["cap_add"]) == (part in ("stub", "judge"))


@pytest.mark.parametrize(
    ("bounds", "cores", "expected"),
    [
        (Bounds(), 1, (1024, 1e9)),
        (Bounds(), 64, (4096, 2e9)),
        (Bounds(cpus=4), 2, (1024, 2e9)),
        (Bounds(cpus=0.5, processes=100), 64, (100, 0.5e9)),
    ],
)
def test_bounds_fit_the_machine(bounds: Bounds, cores: int, expected: tuple[int, float]) -> None:
    made = bounds.of(_engine(cores), "nginx")
    assert (made["pids_limit"], made["nano_cpus"]) == expected


@pytest.mark.parametrize(
    ("hits", "words"),
    [
        ({}, ""),
        ({"memory": 1}, "its bound on memory, 4 GiB (staging_memory), and the kernel ended a process there"),
        ({"processes": 9}, "its bound on processes, 300 (staging_processes), and could start no more"),
    ],
)
def test_a_bound_that_was_reached_is_told(hits: dict[str, int], words: str) -> None:
    said = Bounds(processes=300).reached(hits)
    assert words in said
    assert bool(said) == bool(hits)


def test_a_tree_that_is_too_large_is_told(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    (tmp_path / "far").symlink_to("/dev/zero")
    Bounds(tree_files=4, tree_size=3100).check([tmp_path])
    with pytest.raises(SluiceError, match=r"the release has 4 files; staging takes at most 3: .* staging_tree_files"):
        Bounds(tree_files=3).check([tmp_path])
    with pytest.raises(SluiceError, match=r"the release has \d+ bytes; staging takes at most 2000 bytes"):
        Bounds(tree_size=2000).check([tmp_path])


def test_a_container_that_writes_too_much_is_ended_and_no_other() -> None:
    class Made:
        def __init__(self, identity: str) -> None:
            self.id = identity

    engine = _Engine(2, {"nginx": 3 * GIB, "judge": 3 * GIB})
    watch = DiskWatch(cast(docker.DockerClient, engine), Bounds(disk=GIB))
    watch.add(cast(Any, Made("nginx")))
    watch.add(cast(Any, Made("judge")), 5 * GIB // 2)
    assert watch.words == ""
    watch._look()
    assert engine.killed == ["nginx"]
    assert watch.words.startswith("the container nginx wrote 3 GiB, more than its bound on disk, 1 GiB (staging_disk)")


def test_a_stage_takes_no_release_that_is_too_large(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    settings = StageSettings("none", {}, {}, {}, bounds=Bounds(tree_files=1))
    with Stage(_engine(), "sluice-test", {"0": tmp_path}, "0", Environment(), settings) as stage:
        stage.open([])
        with pytest.raises(SluiceError, match="the release has 2 files; staging takes at most 1"):
            stage.ask("test")
