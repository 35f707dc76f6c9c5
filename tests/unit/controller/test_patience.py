from __future__ import annotations

import signal
import subprocess
import time

import pytest

from ansible_collections.sluice.nginx.plugins.plugin_utils.patience import NoAnswer, patience


def test_who_does_not_answer_in_time_is_given_up() -> None:
    process = subprocess.Popen(["sleep", "60"])
    began = time.monotonic()
    try:
        with pytest.raises(NoAnswer), patience(0.2):
            process.communicate()
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - began < 30


def _wait_and_try_again() -> None:
    try:
        time.sleep(60)
    except Exception:
        pytest.fail("it was caught")


def test_connection_plugins_that_try_again_after_any_exception_do_not_catch_it() -> None:
    with pytest.raises(NoAnswer), patience(0.1):
        _wait_and_try_again()


def test_who_answers_is_not_disturbed_afterwards() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with patience(0.5):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before
