"""The process that runs the user's tests: real pytest, on files of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.pytests import Pytests

LONG_SECONDS = 120
COUNTS = "import helper\ndef test_is_the_first_to_count():\n    helper.count += 1\n    assert helper.count == 1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current directory of the runs; tests import from it."""
    made = tmp_path_factory.mktemp("runs")
    (made / "helper.py").write_text("count = 0\n", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def pytests(folder: Path) -> Iterator[Pytests]:
    """One process for all of these tests, as for all releases of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Pytests() as made:
            yield made


@pytest.mark.parametrize(
    ("name", "text", "code", "words"),
    [
        ("good", "def test_all_is_well(): ...", 0, "1 passed"),
        ("bad", "def test_all_is_well(): assert 'tea' == 'coffee'", 1, "FAILED test_bad.py::test_all_is_well - "),
        ("broken", "import no_such_module_of_mine", 2, "No module named 'no_such_module_of_mine'"),
        ("none", "", 5, "no tests ran"),
        ("said", "def test_all_is_well():\n    print('no', 'answer')\n    assert False", 1, "no answer"),
        ("killed", "import os\ndef test_all_is_well(): os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_a_run_tells_how_it_ended_and_what_it_printed(
    pytests: Pytests, folder: Path, name: str, text: str, code: int, words: str
) -> None:
    (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    ended, output = pytests.run(["-rfE", "-p", "no:cacheprovider", f"test_{name}.py"], LONG_SECONDS)
    assert ended == code, output
    assert words in output


def test_runs_go_side_by_side_and_each_begins_anew(pytests: Pytests, folder: Path) -> None:
    (folder / "test_counts.py").write_text(COUNTS, encoding="utf-8")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(pytests.run, ["-p", "no:cacheprovider", "test_counts.py"], LONG_SECONDS) for _ in range(3)]
        assert [run.result()[0] for run in runs] == [0, 0, 0], [run.result()[1] for run in runs]


def test_a_run_that_does_not_end_is_ended_and_the_next_one_runs(pytests: Pytests, folder: Path) -> None:
    hangs = "import subprocess\ndef test_waits(): subprocess.run(['sleep', '600'])\n"
    (folder / "test_hangs.py").write_text(hangs, encoding="utf-8")
    (folder / "test_next.py").write_text("def test_next(): ...", encoding="utf-8")
    assert pytests.run(["-p", "no:cacheprovider", "test_hangs.py"], 2)[0] is None
    assert pytests.run(["-p", "no:cacheprovider", "test_next.py"], LONG_SECONDS)[0] == 0


def test_a_pytest_that_does_not_run_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = tmp_path / "python"
    without.write_text("#!/bin/sh\necho no pytest here >&2\nexit 3\n", encoding="utf-8")
    without.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(without))
    with Pytests() as made, pytest.raises(SluiceError, match="pytest does not run on the controller: no pytest here"):
        made.run(["test_good.py"], LONG_SECONDS)
