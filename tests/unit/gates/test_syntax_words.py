from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates.syntax import _since_before, findings_of
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict

OK = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
GOOD = f"{OK}nginx: configuration file /etc/nginx/nginx.conf test is successful\n"
BAD = "nginx: configuration file /etc/nginx/nginx.conf test failed\n"


@pytest.mark.parametrize(
    ("line", "what", "place"),
    [
        (
            'nginx: [emerg] unknown directive "lissten" in /etc/nginx/conf.d/a.conf:3',
            'unknown directive "lissten"',
            "conf.d/a.conf:3",
        ),
        (
            '2026/01/01 03:14:00 [emerg] 12#12: unknown directive "bad" in /etc/nginx/nginx.conf:84',
            'unknown directive "bad"',
            "nginx.conf:84",
        ),
        (
            'nginx: [emerg] open() "/etc/nginx/x" failed (2: No such file or directory) in /etc/nginx/nginx.conf:7',
            'open() "/etc/nginx/x" failed (2: No such file or directory)',
            "nginx.conf:7",
        ),
        (
            'nginx: [emerg] cannot load certificate "/c.pem": BIO_new_file() failed',
            'cannot load certificate "/c.pem": BIO_new_file() failed',
            "",
        ),
        (
            'nginx: [emerg] host not found in upstream "app" in /usr/share/x.conf:1',
            'host not found in upstream "app"',
            "/usr/share/x.conf:1",
        ),
    ],
)
@pytest.mark.parametrize("allow", [False, True])
def test_errors_are_findings_with_their_place(line: str, what: str, place: str, allow: bool) -> None:
    (finding,) = findings_of(f"{line}\n{BAD}", allow_warnings=allow)
    assert (finding.what, finding.place, finding.nginx, finding.warning) == (what, place, line, False)


@pytest.mark.parametrize(
    ("output", "allow", "result"),
    [
        (GOOD, False, "pass"),
        ('nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored\n' + GOOD, False, "fail"),
        ('nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored\n' + GOOD, True, "pass"),
        ('2026/01/01 03:14:00 [warn] 7#7: conflicting server name "a", ignored\n' + GOOD, False, "fail"),
        ('2026/01/01 03:14:00 [warn] 7#7: conflicting server name "a", ignored\n' + GOOD, True, "pass"),
        ("nginx: [notice] something\n" + GOOD, False, "pass"),
        ("a module talks\n" + GOOD, False, "pass"),
        ("nginx: [crit] bad\n" + BAD, True, "fail"),
        ("nginx: [alert] worse\n" + GOOD, True, "fail"),
        ("", False, "pass"),
    ],
)
def test_warnings_fail_unless_they_are_allowed(output: str, allow: bool, result: str) -> None:
    assert Verdict.of(findings_of(output, allow_warnings=allow), "good").result == result


def test_a_warning_says_how_to_allow_it() -> None:
    (finding,) = findings_of("nginx: [warn] low on files in /etc/nginx/nginx.conf:1\n", allow_warnings=False)
    assert finding.fix == "fix it, or set gates_allow_warnings: true"


@pytest.mark.parametrize(("code", "output", "warnings"), [(1, BAD, [True, False]), (0, GOOD, [False, False])])
def test_a_fault_of_live_hides_no_warning_of_the_same_lines(
    tmp_path: Path, code: int, output: str, warnings: list[bool]
) -> None:
    for name, more in (("live", ""), ("candidate", "gzip on;")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(f"events {{ }}\ntypes_hash_max_size 1;\n{more}\n")
    live, config = parse_tree(tmp_path / "live"), parse_tree(tmp_path / "candidate")
    stage = SimpleNamespace(ask=lambda what: {"code": code, "output": output})
    subject: Any = SimpleNamespace(live_stage=stage, live=SimpleNamespace(config=live), examined=(None, config))
    said = "".join(f"nginx: [warn] it is old in /etc/nginx/nginx.conf:{line}\n" for line in (2, 3))
    found = _since_before(subject, findings_of(f"{said}{GOOD}", allow_warnings=False))
    assert [each.warning for each in found] == warnings


@pytest.mark.parametrize(("other", "warning"), [(False, True), (True, False)])
def test_the_live_release_itself_is_not_told_of_its_warnings(other: bool, warning: bool) -> None:
    subject: Any = SimpleNamespace(live_stage=None, live=SimpleNamespace(), is_live=not other)
    found = _since_before(subject, findings_of(f"nginx: [warn] it is old\n{GOOD}", allow_warnings=False))
    assert [each.warning for each in found] == [warning]
