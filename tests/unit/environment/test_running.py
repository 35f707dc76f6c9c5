from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import serving
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.serving import empty_caches, processes


def test_only_what_nginx_remembers_is_taken_out_of_a_cache(tmp_path: Path) -> None:
    digest = "b7f54b2df7773722d382f4809d65029c"
    for name in (f"c/29/{digest}", digest, f"{digest}.0000000001", "index.html", "static/c/page", "abc/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    empty_caches([str(tmp_path), str(tmp_path / "gone")])
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["abc/x", "index.html", "static/c/page"]


@pytest.mark.parametrize(("waits_for", "serves"), [("pass", False), ("poll.register(0)", True)])
def test_who_tries_whether_it_can_wait_for_events_serves_nothing(waits_for: str, serves: bool) -> None:
    """nginx does so while it reads its configuration, and on a busy machine that lasts."""
    code = f"import select, sys; poll = select.epoll(); {waits_for}; print(flush=True); sys.stdin.read()"
    command, pipe = ["nginx", "-c", code], subprocess.PIPE
    with subprocess.Popen(command, executable=sys.executable, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert (process.pid in processes("worker")) is serves
        process.kill()


class _Clock:
    """Goes on when somebody sleeps."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


@pytest.mark.parametrize(
    ("looks", "there", "workers", "replaced"),
    [
        ([[11, 12]], {11, 12}, [11, 12], 0),
        ([[11, 12], [11], [11, 12]], {11, 12}, [11, 12], 0),
        ([[11], [], [], [11]], {11}, [11], 0),
        ([[11, 12], [11, 13]], {11, 13}, [11, 13], 1),
        # Who manages a cache is taken for a worker until it calls itself something else.
        ([[11, 12], [11]], {11, 12}, [11], 0),
        ([[11], []], set(), [], 1),
    ],
)
def test_a_worker_counts_as_dead_when_it_is_gone(
    monkeypatch: pytest.MonkeyPatch, looks: list[list[int]], there: set[int], workers: list[int], replaced: int
) -> None:
    """The first look is taken while the start is waited for; the last one lasts. The processes ``there`` are alive."""
    left = [looks[0], *looks]

    def processes(title: str) -> list[int]:
        return [10] if title == "master" else left.pop(0) if len(left) > 1 else left[0]

    alive = {f"/proc/{pid}/cmdline" for pid in there}
    monkeypatch.setattr(serving, "read_file", lambda path: "nginx" if path in alive else "")
    monkeypatch.setattr(serving, "launch", lambda: (0, ""))
    monkeypatch.setattr(serving, "processes", processes)
    monkeypatch.setattr(serving, "time", _Clock())
    started = serving.start({"error_logs": []}, [], watched=0.05)
    assert (started["workers"], started["replaced"]) == (workers, replaced)
