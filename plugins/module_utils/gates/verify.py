"""The user's own pytest and testinfra files pass against staging."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ..errors import InputError
from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict
from ..verdicts.pytests import Pytests

AFTER = ("start",)
ON = ("stage",)

_LIMIT_SECONDS = 300
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - (.*))?$", re.MULTILINE)
_COUNT = re.compile(r"(?<!\d)(\d{1,9}) passed")


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
    arguments = ["-q", "-rfE", "--no-header", "-p", "no:cacheprovider"]
    arguments += [f"--hosts=docker://{subject.staged.container}", *files]
    with contextlib.nullcontext(subject.pytests) if subject.pytests else Pytests() as pytests:
        code, output = pytests.run(arguments, _LIMIT_SECONDS)
    if code is None:
        return Verdict("fail", f"the tests of {', '.join(files)} did not end in {_LIMIT_SECONDS} s")
    findings = [
        Finding(f"{test} failed: {why or 'see the evidence'}", check=test) for test, why in _FAILED.findall(output)
    ]
    passed = _COUNT.search(output)
    if not findings and (code or not passed):
        words = output.strip().splitlines()[-3:]
        what = f"pytest ended with {code} for" if code not in (0, 5) else "no test was run of"
        findings = [Finding(f"{what} {', '.join(files)}: {' '.join(words)}")]
    return Verdict.of(findings, f"{count(int(passed[1]) if passed else 0, 'test')} passed", output=output[-20000:])
