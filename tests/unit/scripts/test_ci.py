"""What the workflows of examples/repository call: the record for the services, and the keys for one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CI = Path(__file__).resolve().parents[3] / "examples/repository/ci"


def _run(folder: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _result(level: str, text: str, uri: str | None, line: int = 1) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
    return {"ruleId": "syntax", "level": level, "message": {"text": text}, "locations": [place] if uri else []}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The record of a run with three findings, after that of an older one."""
    (tmp_path / ".sluice/runs/20260101T000000-aaaa").mkdir(parents=True)
    folder = tmp_path / ".sluice/runs/20260102T000000-bbbb"
    folder.mkdir()
    results = [
        _result("error", "50% wrong,\nand more", "nginx/a,b.conf", 3),
        _result("warning", "a warning", "nginx/c.conf"),
        _result("note", "it is nowhere", None),
    ]
    (folder / "findings.sarif").write_text(json.dumps({"runs": [{"results": results}]}))
    (folder / "run.json").write_text(json.dumps({"outcome": "stopped by the gate syntax"}))
    (folder / "gates.txt").write_text("syntax FAIL\n")
    (folder / "postmortem.md").write_text("# What happened\n")
    return folder


def test_the_record_of_the_last_run_is_taken_with_a_code_quality_report(tmp_path: Path, run_folder: Path) -> None:
    done = _run(tmp_path, sys.executable, CI / "record.py", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"the record of {run_folder.name} is in kept/, with 2 findings that have a place\n"
    quality = json.loads((tmp_path / "kept/codequality.json").read_text())
    assert [(each["severity"], each["location"]) for each in quality] == [
        ("critical", {"path": "nginx/a,b.conf", "lines": {"begin": 3}}),
        ("minor", {"path": "nginx/c.conf", "lines": {"begin": 1}}),
    ]
    assert len({each["fingerprint"] for each in quality}) == 2
    assert (tmp_path / "kept/gates.txt").read_text() == "syntax FAIL\n"


def test_findings_become_annotations_whose_text_cannot_be_a_command(tmp_path: Path, run_folder: Path) -> None:
    done = _run(tmp_path, sys.executable, CI / "record.py", ANNOTATE="true")
    assert done.stdout.splitlines()[:2] == [
        "::error file=nginx/a%2Cb.conf,line=3,title=syntax::50%25 wrong,%0Aand more",
        "::warning file=nginx/c.conf,line=1,title=syntax::a warning",
    ]


def test_the_summary_of_the_job_has_outcome_tables_and_postmortem(tmp_path: Path, run_folder: Path) -> None:
    summary = tmp_path / "summary.md"
    _run(tmp_path, sys.executable, CI / "record.py", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text() == ("### stopped by the gate syntax\n\n````text\nsyntax FAIL\n````\n\n# What happened\n")


def test_the_summary_of_a_stopped_job_has_the_command_that_accepts_it(tmp_path: Path, run_folder: Path) -> None:
    offer = "ansible-playbook sluice.nginx.accept -i inventory/production.yml -e run=20260102T000000-bbbb -e '{}'"
    (run_folder / "run.json").write_text(json.dumps({"outcome": "stopped", "offer": offer}))
    summary = tmp_path / "summary.md"
    _run(tmp_path, sys.executable, CI / "record.py", "record", GITHUB_STEP_SUMMARY=str(summary))
    head, words, command, *_ = summary.read_text().split("\n\n")
    assert head == "### stopped"
    assert words.startswith("If all of this is meant: bring the artifact of this job into your clone, as `record/`")
    shown = "ansible-playbook sluice.nginx.accept -i inventory/production.yml -e run=record -e '{}'"
    assert command == f"````text\n{shown}\n````"


def test_text_of_others_stays_text_in_the_summary_and_in_annotations(tmp_path: Path, run_folder: Path) -> None:
    odd = "# head\n````\n# forged\n```\n<img src=x> @everyone [x](http://evil.example)\x1b[2J\u202e\n::error::forged"
    (run_folder / "run.json").write_text(json.dumps({"outcome": odd, "more": "x" * 300_000}))
    for name in ("gates.txt", "fleet.txt", "postmortem.md"):
        (run_folder / name).write_text(odd)
    results = [_result("error", odd, "nginx/a%0A::error file=x::b.conf", 3)] * 2000
    (run_folder / "findings.sarif").write_text(json.dumps({"runs": [{"results": results}]}))
    out = tmp_path / "summary.md"
    done = _run(tmp_path, sys.executable, CI / "record.py", ANNOTATE="true", GITHUB_STEP_SUMMARY=str(out))
    assert done.returncode == 0, done.stderr
    told = out.read_text()
    head, fence, *lines = [line for line in told.split("\n") if line]
    assert head.startswith("### \\# head \\`\\`\\`\\` \\# forged")
    assert fence == "`````text"
    inside = lines[: lines.index("`````")]
    assert "# forged" in inside
    assert "````" in inside
    assert [line for line in told.split("\n") if set(line) == {"`"}].count("`````") == 2
    assert "@everyone" not in head
    assert not [letter for letter in told if not letter.isprintable() and letter not in "\n\u200b"]
    *annotations, last = done.stdout.splitlines()
    assert len(annotations) == 2000
    assert all(
        line.startswith("::error file=nginx/a%250A%3A%3Aerror file=x%3A%3Ab.conf,line=3") for line in annotations
    )
    assert "\x1b" not in done.stdout
    assert last.startswith("the record of ")


def test_a_run_that_was_killed_has_a_record_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ".sluice/runs/20260102T000000-bbbb"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text("{}\n")
    summary = tmp_path / "summary.md"
    done = _run(tmp_path, sys.executable, CI / "record.py", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    assert summary.read_text() == "### the run has not come to its end\n"
    assert (tmp_path / "record/journal.jsonl").is_file()


@pytest.mark.parametrize("brought", [".sluice/runs/99991231T000000-ffff/run.json", ".sluice"])
def test_a_record_that_a_pull_request_brings_is_refused(tmp_path: Path, brought: str) -> None:
    path = tmp_path / brought
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        path.write_text(json.dumps({"outcome": "all gates passed"}))
    else:
        path.symlink_to("elsewhere")
        (tmp_path / "elsewhere/runs/99991231T000000-ffff").mkdir(parents=True)
    for words in (["init", "--quiet"], ["add", "--force", brought]):
        assert _run(tmp_path, "git", *words).returncode == 0
    done = _run(tmp_path, sys.executable, CI / "record.py")
    assert done.returncode == 1
    assert done.stderr == f"{brought} is in the repository, so nobody knows which record a run made: remove it\n"
    assert not (tmp_path / "record").exists()


def test_where_no_run_began_it_says_so(tmp_path: Path) -> None:
    done = _run(tmp_path, sys.executable, CI / "record.py")
    assert done.returncode == 1
    assert "no run has left a record below .sluice/runs: it ended before the gates began" in done.stderr


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a key", "-f", str(path)], check=True)
    return path


def _ended(process: str, name: str) -> bool:
    """Return whether the process, which was told to, ends within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if name not in Path("/proc", process, "cmdline").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("form", ["content", "windows", "path"])
def test_a_command_has_the_keys_and_nothing_is_left_of_them(tmp_path: Path, key: Path, form: str) -> None:
    given = {"content": key.read_text().strip(), "windows": key.read_text().replace("\n", "\r\n"), "path": str(key)}
    before = set(tmp_path.iterdir())
    script = """
    ssh-add -l; env | grep ^SLUICE_; cat $ANSIBLE_VAULT_PASSWORD_FILE; echo $SSH_AGENT_PID
    for each in $ANSIBLE_SSH_EXTRA_ARGS; do echo "arg $each"; done
    stat -c "mode %a" "$(dirname $ANSIBLE_VAULT_PASSWORD_FILE)" $ANSIBLE_VAULT_PASSWORD_FILE; exit 3
    """
    secrets = {"SLUICE_SIGNING_KEY": given[form], "SLUICE_KNOWN_HOSTS": "host ssh-ed25519 AAAA"}
    secrets |= {"SLUICE_VAULT_PASSWORD": "opensesame", "SLUICE_SSH_KEY": ""}
    done = _run(tmp_path, CI / "with-keys", "sh", "-c", script, **secrets)
    assert (done.returncode, done.stderr) == (3, "")
    listed, password, agent, *rest = done.stdout.splitlines()
    assert "a key (ED25519)" in listed
    assert password == "opensesame"
    assert [line for line in rest if line.startswith("mode")] == ["mode 700", "mode 600"]
    assert "arg StrictHostKeyChecking=yes" in rest
    assert set(tmp_path.iterdir()) == before
    assert _ended(agent, "ssh-agent")


def test_no_process_shows_the_keys_to_the_command(tmp_path: Path, key: Path) -> None:
    script = """
    for each in $PPID $SSH_AGENT_PID $$; do tr '\\0' '\\n' < /proc/$each/environ; done
    for each in /proc/[0-9]*; do
      if [ "$(readlink $each/exe)" = "$(command -v ssh-agent)" ] || grep -q with-keys $each/cmdline 2>/dev/null; then
        echo "looked at $(tr '\\0' ' ' < $each/cmdline | head -c 60)"
        cat $each/environ 2>/dev/null | tr '\\0' '\\n'
        tr '\\0' '\\n' < $each/cmdline
      fi
    done
    """
    secrets = {"SLUICE_SSH_KEY": key.read_text(), "SLUICE_VAULT_PASSWORD": "open-sesame-7", "SLUICE_SIGNING_KEY": ""}
    done = _run(tmp_path, CI / "with-keys", "sh", "-c", script, **secrets)
    assert done.returncode == 0, done.stderr
    assert "looked at bash -euo pipefail" in done.stdout
    assert "PATH=" in done.stdout
    assert "open-sesame-7" not in done.stdout
    assert "SLUICE_" not in done.stdout
    assert key.read_text().splitlines()[1] not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_cancelled_leaves_no_key_and_no_command(tmp_path: Path, key: Path, number: int) -> None:
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "SLUICE_SSH_KEY": str(key)}
    script = "echo $SSH_AGENT_PID $$; exec sleep 600"
    with subprocess.Popen(
        [CI / "with-keys", "sh", "-c", script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell ignore it, and a shell cannot trap what it was started to ignore.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stdout
        agent, command = running.stdout.readline().split()
        running.send_signal(number)
        try:
            assert running.wait(timeout=60) != 0
        finally:
            running.kill()
    assert _ended(agent, "ssh-agent")
    assert _ended(command, "sleep")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]


def test_without_known_hosts_and_vault_the_machine_s_own_settings_stay(tmp_path: Path) -> None:
    done = _run(tmp_path, CI / "with-keys", "env")
    assert done.returncode == 0, done.stderr
    assert "ANSIBLE_SSH_EXTRA_ARGS" not in done.stdout
    assert "ANSIBLE_VAULT_PASSWORD_FILE" not in done.stdout


@pytest.mark.parametrize(
    ("environment", "command", "code", "words"),
    [
        (
            {},
            (),
            64,
            "with-keys: there is no command; write for example: with-keys .venv/bin/ansible-playbook ",
        ),
        (
            {"SLUICE_SSH_KEY": "no key"},
            ("true",),
            65,
            "with-keys: SLUICE_SSH_KEY is no private key without a passphrase:",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    tmp_path: Path, environment: dict[str, str], command: tuple[str, ...], code: int, words: str
) -> None:
    done = _run(tmp_path, CI / "with-keys", *command, **environment)
    assert done.returncode == code
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []
