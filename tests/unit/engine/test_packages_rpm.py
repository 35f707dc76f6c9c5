"""Package drift by rpm, from what a real one answered (tests/integration/test_rpm.py)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from hashlib import md5, sha256
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import packages
from ansible_collections.sluice.nginx.plugins.module_utils.engine.packages import (
    ask,
    find_manager,
    find_packages,
    package_drift,
)
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import compare, read_tree

NEW = "# of 2\n"
DIGEST = sha256(NEW.encode()).hexdigest()
ROWS = [
    ("nginx", "8", "0", "40755", "", "", "/etc/nginx/conf.d"),
    ("nginx", "8", "0", "40750", "", "", "/etc/nginx/closed.d"),
    ("nginx", "8", "0", "100644", DIGEST, "", "/etc/nginx/mime.types"),
    ("nginx", "8", "0", "100644", DIGEST, "", "/etc/nginx/conf.d/default.conf"),
    ("nginx", "8", "1", "100644", DIGEST, "", "/etc/nginx/replaced.conf"),
    ("nginx", "8", "0", "100644", "", "", "/etc/nginx/ghost.conf"),
    ("nginx", "8", "0", "120777", "", "../../usr/lib64/nginx/modules", "/etc/nginx/modules"),
    ("old", "(none)", "0", "100644", md5(NEW.encode()).hexdigest(), "", "/etc/nginx/old.conf"),
    ("old", "99", "0", "100644", DIGEST, "", "/etc/nginx/future.conf"),
    ("c++.odd", "8", "0", "40755", "", "", "/etc/nginx/conf.d"),
    ("c++.odd", "8", "0", "100644", DIGEST, "", "/etc/nginx/conf.d/odd name (replaced).conf"),
]
Answers = Callable[[Sequence[str], float], tuple[int, str, str]]


def answers(asked: list[Sequence[str]]) -> Answers:
    """Answer as rpm 4.18 does; all questions are kept."""

    def answer(command: Sequence[str], seconds: float) -> tuple[int, str, str]:
        asked.append(command)
        assert (command[0], command[2], command[4]) == ("rpm", "--qf", "--")
        said = []
        for word in command[5:]:
            if command[1] == "-q":
                said += ["\t".join(row) for row in ROWS if row[0] == word]
                continue
            owners = [row[0] for row in ROWS if row[6] == word]
            said += [f"={name}" for name in owners] or [f"file {word} is not owned by any package"]
        return len([line for line in said if line.startswith("file ")]), "\n".join(said), "error: file /x: No such file"

    return answer


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The ``/etc/nginx`` of a host of rpm's."""
    for folder in ("usr/bin", "etc/nginx/conf.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/bin/rpm").touch()
    for name in ("mime.types", "kept.conf"):
        (tmp_path / "etc/nginx" / name).write_text("# of 1\n")
        (tmp_path / "etc/nginx" / name).chmod(0o644)
    return tmp_path / "etc/nginx"


def written(path: str, text: str = NEW, mode: int = 0o644) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        (conf / path).write_text(text)
        (conf / path).chmod(mode)

    return change


def folder(path: str, mode: int) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        (conf / path).mkdir(exist_ok=True)
        (conf / path).chmod(mode)

    return change


def link(path: str, target: str) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        (conf / path).unlink(missing_ok=True)
        (conf / path).symlink_to(target)

    return change


@pytest.mark.parametrize(
    ("change", "whose"),
    [
        (written("mime.types"), {"mime.types": "nginx"}),
        (written("mime.types", NEW + "# mine\n"), {}),
        (written("mime.types", mode=0o600), {}),
        (written("old.conf"), {"old.conf": "old"}),
        (written("future.conf"), {}),
        (written("replaced.conf"), {}),
        (written("ghost.conf", ""), {}),
        (written("mine.conf"), {}),
        (written("conf.d/odd name (replaced).conf"), {"conf.d/odd name (replaced).conf": "c++.odd"}),
        (written("mime.types.rpmnew", "x"), {"mime.types.rpmnew": "nginx"}),
        (written("mime.types;6570a1b2", "x"), {"mime.types;6570a1b2": "nginx"}),
        (written("mine.conf;6570a1b2", "x"), {}),
        (written("mine.conf.rpmsave", "x"), {}),
        (folder("closed.d", 0o750), {"closed.d": "nginx"}),
        (folder("closed.d", 0o755), {}),
        (folder("conf.d", 0o700), {}),
        (folder("mine.d", 0o755), {}),
        (link("modules", "../../usr/lib64/nginx/modules"), {"modules": "nginx"}),
        (link("modules", "/srv/modules"), {}),
        (link("mime.types", "/srv/mime.types"), {}),
        (lambda conf: (conf / "mime.types").unlink(), {}),
        (
            lambda conf: (conf / "kept.conf").rename(conf / "kept.conf.rpmsave"),
            {"kept.conf": "rpm", "kept.conf.rpmsave": "rpm"},
        ),
    ],
)
def test_what_is_now_as_its_package_brought_it_is_the_packages(
    conf: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], whose: dict[str, str]
) -> None:
    monkeypatch.setattr(packages, "_ask", answers([]))
    before = read_tree(conf)
    change(conf)
    found = find_packages(conf.parents[1])
    assert found
    assert package_drift(compare(before, read_tree(conf)), before, conf, found) == whose
    assert found.fault() == ""


def test_thousands_of_files_are_few_questions(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(packages, "_ask", answers(asked))
    before = read_tree(conf)
    for number in range(3000):
        (conf / f"conf.d/{number}.conf").touch()
    written("mime.types")(conf)
    found = package_drift(compare(before, read_tree(conf)), before, conf, find_packages(conf.parents[1]))
    assert found == {"mime.types": "nginx"}
    assert [command[1] for command in asked] == ["-qf", "-qf", "-q"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((packages._NO_ANSWER, "", ""), "it did not answer within 20 s"),
        ((1, "file is not owned", "error: cannot open Packages"), "error: cannot open Packages"),
    ],
)
def test_an_rpm_that_does_not_answer_is_asked_once(
    conf: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str, str], said: str
) -> None:
    asked: list[Sequence[str]] = []

    def answered(command: Sequence[str], seconds: float) -> tuple[int, str, str]:
        asked.append(command)
        return answer

    monkeypatch.setattr(packages, "_ask", answered)
    before = read_tree(conf)
    written("mime.types")(conf)
    written("old.conf")(conf)
    found = find_packages(conf.parents[1])
    assert found
    assert package_drift(compare(before, read_tree(conf)), before, conf, found) == {}
    assert (found.owner("/etc/nginx/conf.d"), found.fault(), len(asked)) == ("", said, 1)


def test_a_command_that_hangs_may_tidy_up_before_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # rpm's older databases keep the locks of what is killed.
    monkeypatch.setattr(packages, "_TIMEOUT", 1.5)
    script = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(sys.argv[1]).touch(), sys.exit()))\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    assert ask(sys.executable, "-ISc", script, str(tmp_path / "tidy")) == (packages._NO_ANSWER, "")
    assert ((tmp_path / "tidy").exists(), time.monotonic() - began < 30) == (True, True)


@pytest.mark.parametrize(("status", "manager"), [("Package: nginx\n", "dpkg"), ("", "rpm")])
def test_an_empty_list_of_dpkgs_is_that_of_a_package_of_rpms(conf: Path, status: str, manager: str) -> None:
    root = conf.parents[1]
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(status)
    assert find_manager(root) == manager
