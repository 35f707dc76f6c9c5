from __future__ import annotations

import contextvars
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.plugin_utils.waiting import Job, Late, as_they_end, end_children


def _returning(value: str) -> Callable[[], str]:
    return lambda: value


def test_every_job_is_done_and_ends_with_its_host() -> None:
    jobs = [Job(f"web{number}", 60, _returning(f"answer {number}")) for number in range(50)]
    assert dict(as_they_end(jobs, 7)) == {f"web{number}": f"answer {number}" for number in range(50)}


def test_nothing_to_do_is_done() -> None:
    assert list(as_they_end([], 50)) == []


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_are_done_at_once_than_is_allowed(at_once: int) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def work() -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return "done"

    assert len(list(as_they_end([Job(f"web{number}", 60, work) for number in range(9)], at_once))) == 9
    assert most == at_once


def test_a_job_that_hangs_is_given_up_and_the_next_one_takes_its_turn() -> None:
    over = threading.Event()

    def hangs() -> str:
        over.wait(60)
        return "too late"

    jobs = [Job("web1", 0.2, hangs), Job("web2", 60, _returning("here"))]
    found = list(as_they_end(jobs, 1))
    over.set()
    assert found == [("web1", Late(0.2)), ("web2", "here")]


def test_what_ansible_keeps_in_context_is_there_on_each_thread() -> None:
    kept: contextvars.ContextVar[str] = contextvars.ContextVar("kept")
    kept.set("of the task")
    assert dict(as_they_end([Job("web1", 60, kept.get), Job("web2", 60, kept.get)], 2)) == {
        "web1": "of the task",
        "web2": "of the task",
    }


def test_what_a_connection_still_waits_for_is_ended_and_nothing_else() -> None:
    # As Ansible's workers are: a process in a session of its own.
    script = """
        import subprocess
        from ansible_collections.sluice.nginx.plugins.plugin_utils.waiting import end_children
        child = subprocess.Popen(["sleep", "600"])
        end_children()
        print(child.wait())
    """
    setup = "import tests.conftest\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + textwrap.dedent(script)],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == str(-signal.SIGTERM)


def test_a_process_that_shares_its_session_ends_nobody() -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        end_children()
        assert other.poll() is None
        other.kill()
