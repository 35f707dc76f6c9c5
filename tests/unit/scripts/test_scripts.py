"""The scripts behind make, on machines that lack something: each says in a sentence what is missing and what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import project_label

PROJECT = Path(__file__).resolve().parents[3]
# What the scripts expect of any machine.
ORDINARY = """
bash basename cat cmp comm cp cut date dirname env find flock getent grep id ln mkdir mktemp nice nohup nproc rm sed
setsid sh sha256sum sleep sort tail touch tr wc xargs
"""
LOCK = "one==1\n"


class Machine:
    """A checkout of the scripts, and a machine that has nothing but the most ordinary programs."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        shutil.copytree(PROJECT / "scripts", self.root / "scripts")
        (self.root / "requirements.lock").write_text(LOCK)
        self.bin.mkdir()
        for name in ORDINARY.split():
            found = shutil.which(name)
            assert found, f"{name} is not installed"
            (self.bin / name).symlink_to(found)

    def program(self, name: str, script: str = "") -> None:
        """Install a program that notes its call and runs ``script``."""
        place = self.bin / name if "/" not in name else self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_text(f'#!/bin/sh\necho "{Path(name).name} $*" >> {self.calls}\n{script}\n')
        place.chmod(0o755)

    def user(self, number: int) -> None:
        self.program("id", f"case $1 in -u) echo {number};; *) echo somebody;; esac")

    def venv(self, engine_problem: str = "") -> None:
        """Have the virtual environment, in which Python says of Docker what is given."""
        self.program(".venv/bin/python", f'case $1 in -) cat > /dev/null; printf %s "{engine_problem}";; esac')
        self.program(".venv/bin/ansible-playbook")
        (self.root / ".venv/requirements.lock").write_text(LOCK)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "scripts" / script), *arguments],
            env={"PATH": str(self.bin), "SBIN": "", "HOME": str(self.root), "CI": "true", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def called(self, *words: str) -> bool:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return any(all(word in line for word in words) for line in lines)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.user(0)
    machine.program("ssh-keygen")
    machine.program("mmdebstrap")
    return machine


def test_setup_does_nothing_where_all_is_there(machine: Machine) -> None:
    machine.venv()
    done = machine.run("setup")
    assert done.returncode == 0, done.stderr
    assert "Everything is set up" in done.stdout
    assert machine.called("ansible-playbook", "playbooks/platform.yml")
    assert not machine.called("apt-get")


def test_no_python(machine: Machine) -> None:
    done = machine.run("setup")
    assert done.returncode == 1
    assert "no Python 3.11 or newer is installed; on Debian and Ubuntu: sudo apt-get install python3" in done.stderr


def test_an_old_python(machine: Machine) -> None:
    machine.program("python3", "exit 1")
    assert "no Python 3.11 or newer is installed" in machine.run("setup").stderr


def test_the_python_that_is_named_is_taken(machine: Machine) -> None:
    machine.program("python3")
    machine.program("other-python", "exit 1")
    done = machine.run("setup", PYTHON="other-python")
    assert "PYTHON names other-python, which is no Python 3.11 or newer" in done.stderr
    assert not machine.called("python3")


def test_a_python_that_has_venv_is_taken_before_one_that_lacks_it(machine: Machine) -> None:
    machine.program("python3", "case $2 in *ensurepip*) exit 1;; esac")
    machine.program("python3.13")
    machine.run("setup")
    assert machine.called("python3.13", "-m venv .venv")


def test_no_docker_and_no_apt(machine: Machine) -> None:
    machine.venv("Docker is not installed")
    done = machine.run("setup")
    assert done.returncode == 1
    assert "Docker Engine is missing, and there is no apt-get to install it with" in done.stderr


def test_no_docker_and_no_rights(machine: Machine) -> None:
    machine.user(1000)
    machine.program("apt-get")
    machine.program("sudo", "exit 1")
    machine.venv("Docker is not installed")
    done = machine.run("setup")
    assert done.returncode == 1
    assert (
        "installing it needs root: run as root or with sudo rights, or run: sudo apt-get install docker.io"
        in done.stderr
    )


def test_no_docker_and_no_sudo_at_all(machine: Machine) -> None:
    machine.user(1000)
    machine.program("apt-get")
    machine.venv("Docker is not installed")
    assert "Docker Engine is missing, and installing it needs root" in machine.run("setup").stderr


def test_apt_that_fails_shows_its_last_lines(machine: Machine) -> None:
    machine.program("apt-get", "echo 'E: Could not resolve the mirror' >&2; exit 100")
    machine.venv("Docker is not installed")
    done = machine.run("setup")
    assert done.returncode == 1
    assert "E: Could not resolve the mirror" in done.stderr
    assert "apt-get could not install: docker.io iptables; its last lines are above" in done.stderr


def test_an_engine_that_the_user_named_is_left_alone(machine: Machine) -> None:
    machine.venv("Docker does not answer at tcp://192.0.2.1")
    machine.program("dockerd")
    done = machine.run("setup", DOCKER_HOST="tcp://192.0.2.1")
    assert done.returncode == 1
    assert "Docker does not answer at tcp://192.0.2.1" in done.stderr
    assert not machine.called("dockerd")


def test_an_engine_that_dies_shows_its_last_lines(machine: Machine) -> None:
    machine.venv("Docker is installed and does not answer")
    machine.program("dockerd", "echo 'failed to mount overlay: operation not permitted' >&2; exit 1")
    machine.program("systemctl", "echo 'Job for docker.service failed' >&2; exit 1")
    done = machine.run("setup")
    assert done.returncode == 1
    if Path("/run/systemd/system").is_dir():
        assert "Job for docker.service failed" in done.stderr
        assert "systemd could not start Docker Engine" in done.stderr
    else:
        assert "failed to mount overlay: operation not permitted" in done.stderr
        assert "Docker Engine does not run on this machine" in done.stderr
        assert not (machine.root / ".sluice/dockerd.pid").exists()


def test_docker_is_installed_and_started(machine: Machine) -> None:
    answers = machine.root / "answers"
    machine.venv()
    machine.program(
        ".venv/bin/python", f"case $1 in -) cat > /dev/null; [ -e {answers} ] || echo Docker is not installed;; esac"
    )
    machine.program("dockerd", f"echo > {answers}; sleep 2")
    (machine.bin / "dockerd").rename(machine.root / "dockerd.deb")
    machine.program(
        "apt-get", f'case "$*" in *install*docker.io*) cp {machine.root}/dockerd.deb {machine.bin}/dockerd;; esac'
    )
    machine.program("systemctl", f"echo > {answers}")
    done = machine.run("setup")
    assert done.returncode == 0, done.stderr
    assert machine.called("apt-get", "update")
    assert "Installing docker.io iptables" in done.stdout
    assert "Starting Docker Engine" in done.stdout
    assert "Everything is set up" in done.stdout


def test_every_step_is_run_and_the_failed_ones_are_named(machine: Machine) -> None:
    machine.program(".venv/bin/ruff", "exit 1")
    machine.program(".venv/bin/mypy")
    done = machine.run("test", "ruff", "mypy")
    assert done.returncode == 1
    assert "1 of 2 steps failed: ruff" in done.stderr
    assert "mypy passed" in done.stdout


def test_steps_that_all_pass(machine: Machine) -> None:
    machine.program(".venv/bin/mypy")
    done = machine.run("test", "mypy")
    assert done.returncode == 0
    assert "All 1 steps passed: mypy" in done.stdout


@pytest.mark.parametrize(("steps", "ahead"), [(["mypy", "machines"], True), (["machines"], False), (["mypy"], False)])
def test_the_disk_of_machines_is_begun_ahead_of_other_steps(machine: Machine, steps: list[str], ahead: bool) -> None:
    for name in ("qemu-system-x86_64", "qemu-img", ".venv/bin/pytest"):
        machine.program(name)
    made = machine.root / "made"
    # The step waits for what was begun, as the lock of the image has it.
    machine.program(".venv/bin/python", f"touch {made}")
    machine.program(".venv/bin/mypy", f"for n in 1 2 3 4 5 6 7 8 9; do [ ! -e {made} ] || break; sleep 0.5; done")
    done = machine.run("test", *steps)
    assert done.returncode == 0, done.stderr
    assert machine.called("python -m tests.machines.image") == ahead
    assert f"All {len(steps)} steps passed" in done.stdout


def test_machines_without_an_emulator_stop_their_own_step_alone(machine: Machine) -> None:
    machine.user(1000)
    machine.program(".venv/bin/mypy")
    done = machine.run("test", "mypy", "machines")
    assert done.returncode == 1
    assert "mypy passed" in done.stdout
    assert done.stderr.count("QEMU, in which the machines of the tests run, is missing") == 1


def test_what_takes_half_the_machine_runs_beside_each_other_after_all_else(machine: Machine) -> None:
    both = machine.root / "both"
    # Each of the two waits for the other one.
    wait = f"for n in 1 2 3 4 5 6 7 8 9; do [ $(wc -l < {both}) -lt 2 ] || exit 0; sleep 0.5; done; exit 1"
    machine.program(".venv/bin/python", f"echo x >> {both}; {wait}")
    machine.program(".venv/bin/mypy", f"[ ! -e {both} ]")
    done = machine.run("test", "fleet", "size", "mypy")
    assert done.returncode == 0, done.stderr
    assert [name for name in ("fleet", "size", "mypy") if f"{name} passed" not in done.stdout] == []


def test_an_unknown_step(machine: Machine) -> None:
    done = machine.run("test", "mipy")
    assert done.returncode == 1
    assert "there is no step 'mipy'; there are: sanity" in done.stderr


@pytest.mark.parametrize(
    ("often", "code", "words"),
    [
        (1, 0, "Passed by themselves, after they had failed: tests/unit/test_busy.py"),
        (2, 1, "Once more, by themselves: tests/unit/test_busy.py"),
    ],
)
def test_a_file_with_a_failed_test_is_run_once_more_and_named(
    machine: Machine, often: int, code: int, words: str
) -> None:
    failed = machine.root / ".pytest_cache/v/cache/lastfailed"
    fails = f"mkdir -p {failed.parent}; touch {failed}; echo x >> {machine.root}/runs"
    machine.program(".venv/bin/pytest", f"{fails}; [ $(wc -l < {machine.root}/runs) -gt {often} ]")
    machine.program(".venv/bin/python", "echo tests/unit/test_busy.py")
    done = machine.run("test", "unit")
    assert done.returncode == code, done.stderr
    assert words in done.stdout
    assert machine.called("pytest", "--verbose tests/unit/test_busy.py")


def test_a_step_that_could_not_be_run_is_not_run_again(machine: Machine) -> None:
    machine.program(".venv/bin/pytest", "exit 4")
    done = machine.run("test", "unit")
    assert (done.returncode, "Once more" in done.stdout) == (1, False)


def test_containers_that_tests_leave_behind_are_removed_and_others_stay(machine: Machine) -> None:
    shown = machine.root / "containers"
    shown.write_text("before\n")
    machine.program("docker", f"case $1 in ps) cat {shown};; esac")
    machine.program(".venv/bin/mypy", f"echo left >> {shown}")
    done = machine.run("test", "mypy")
    assert "Removing 1 containers that the tests left behind" in done.stdout
    assert machine.called("docker rm --force --volumes left")
    assert not machine.called("rm", "before")


def test_clean_removes_what_was_made_and_nothing_else(machine: Machine) -> None:
    label = f"sluice.project={project_label(machine.root)}"
    machine.program(
        "docker",
        f"""case "$*" in
        *ps*"{label}"*) echo c1;;
        *"network ls"*"{label}"*) echo n1;;
        *"image ls"*sluice=1*) echo "2026-01-01|1 sluice-platform:a"; echo "2026-01-02|2 sluice-sandbox:mine";
                               echo "2026-01-03|3 sluice-sandbox:theirs";;
        *inspect*mine*) echo {project_label(machine.root)};;
        *inspect*theirs*) echo 0123456789ab;;
        *ps*ancestor=sluice-platform:a*) echo c9;;
        esac""",
    )
    machine.venv()
    for name in (".sluice/runs/1/run.json", ".pytest_cache/x", "tests/__pycache__/x.pyc", "playbooks/mine.yml"):
        (machine.root / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / name).write_text("")
    done = machine.run("clean")
    assert done.returncode == 0, done.stderr
    for words in (
        "Removed 1 containers",
        "Removed 1 networks",
        "Removed the image sluice-sandbox:mine",
        "Kept the image sluice-platform:a, which a container uses",
        "Removed .venv",
        "Removed .sluice",
    ):
        assert words in done.stdout
    assert machine.called("docker rm --force --volumes c1")
    assert machine.called("docker network rm n1")
    assert not machine.called("image rm", "theirs")
    assert not machine.called("image rm", "platform")
    left = {path.name for path in machine.root.iterdir()}
    assert left == {"scripts", "tests", "playbooks", "requirements.lock"}
    assert (machine.root / "playbooks/mine.yml").exists()
    assert not (machine.root / "tests/__pycache__").exists()


@pytest.mark.parametrize(("others", "words"), [("", "Stopped Docker Engine"), ("c9", "Left Docker Engine running")])
def test_clean_stops_only_an_engine_that_setup_started_and_nobody_uses(
    machine: Machine, tmp_path: Path, others: str, words: str
) -> None:
    engine = tmp_path / "dockerd"
    shutil.copy(shutil.which("sleep") or "", engine)
    machine.program("docker", f'case "$*" in "ps --quiet") echo {others};; esac')
    (machine.root / ".sluice").mkdir()
    with subprocess.Popen([engine, "60"]) as running:
        (machine.root / ".sluice/dockerd.pid").write_text(f"{running.pid}\n")
        # The shell waits until the process is gone, and it goes only when it is waited for here.
        done = subprocess.Popen(
            [machine.root / "scripts/clean"],
            env={"PATH": str(machine.bin), "SBIN": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        if others:
            output = done.communicate(timeout=30)[0]
            assert running.poll() is None
            running.kill()
        else:
            running.wait(timeout=30)
            output = done.communicate(timeout=30)[0]
    assert words in output


def test_clean_leaves_a_process_alone_that_has_the_number_by_now(machine: Machine) -> None:
    machine.program("docker")
    (machine.root / ".sluice").mkdir()
    with subprocess.Popen([shutil.which("sleep") or "", "60"]) as other:
        (machine.root / ".sluice/dockerd.pid").write_text(f"{other.pid}\n")
        assert machine.run("clean").returncode == 0
        assert other.poll() is None
        other.kill()


def test_the_shell_and_python_name_the_checkout_alike(machine: Machine) -> None:
    program = 'source "$0"; project_label'
    command = ["bash", "-c", program, str(machine.root / "scripts/common.sh")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == project_label(machine.root)


@pytest.mark.parametrize("name", ["setup", "demo", "test", "lock", "clean", "common.sh"])
def test_scripts_are_sound_bash(name: str) -> None:
    subprocess.run(["bash", "-n", PROJECT / "scripts" / name], check=True)


def test_look_prints_requests_to_the_web_hosts_alone(machine: Machine) -> None:
    folder = machine.root / ".sluice/fleets/sandbox"
    folder.mkdir(parents=True)
    ports = '{"ports": {"ssh": 1, "http": 8001, "https": 4401}}'
    (folder / "fleet.json").write_text(f'{{"app1": {ports}, "web1": {ports}}}')
    command = [sys.executable, str(machine.root / "scripts/look.py")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout.splitlines()
    assert len(shown) == 3
    assert "--connect-to cedi-mart.example:80:127.0.0.1:8001" in shown[0]
    assert "--connect-to shwitter.example:443:127.0.0.1:4401" in shown[1]
    assert shown[2] == "ssh -F .sluice/fleets/sandbox/ssh_config web1"
