"""The user's own pytest and testinfra files pass against staging."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ..errors import InputError
from ..verdicts.model import Finding, Subject, Verdict
from ..words import count

AFTER = ("start",)

_LIMIT_SECONDS = 300
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - (.*))?$", re.MULTILINE)
_COUNT = re.compile(r"(\d+) passed")


def run(subject: Subject) -> Verdict:
    """Run pytest over ``gates_verify`` with testinfra's host set to the stage. No test run is a failure."""
    files = subject.options.verify
    if not files:
        return Verdict("pass", "no files of your own (gates_verify)")
    for index, name in enumerate(files):
        if not Path(name).exists():
            raise InputError(
                f"gates_verify[{index}]", f"{name} does not exist; name pytest files or folders, as tests/verify"
            )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rfE",
        "--no-header",
        "-p",
        "no:cacheprovider",
        f"--hosts=docker://{subject.staged.container}",
    ]
    try:
        done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Verdict("fail", f"the tests of {', '.join(files)} did not end in {_LIMIT_SECONDS} s")
    findings = [
        Finding(f"{test} failed: {why or 'see the evidence'}", check=test) for test, why in _FAILED.findall(done.stdout)
    ]
    passed = _COUNT.search(done.stdout)
    if not findings and (done.returncode or not passed):
        words = (done.stdout + done.stderr).strip().splitlines()[-3:]
        what = f"pytest ended with {done.returncode} for" if done.returncode not in (0, 5) else "no test was run of"
        findings = [Finding(f"{what} {', '.join(files)}: {' '.join(words)}")]
    return Verdict.of(findings, f"{count(int(passed[1]) if passed else 0, 'test')} passed", output=done.stdout[-20000:])
