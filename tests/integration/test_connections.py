"""The ways by which Ansible reaches hosts and becomes root there: one host, and a name in the inventory for each way.

Most are asked in one run, at once. The image has what the ways need; it is made once, and Docker keeps it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import Ended
from tests.containers import containers
from tests.integration.hosts import Host

pytestmark = pytest.mark.integration

DOCKERFILE = """FROM {image}
RUN apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    openssh-server sudo opendoas tcsh fish locales && rm -rf /var/lib/apt/lists/*
RUN echo 'tr_TR.UTF-8 UTF-8' > /etc/locale.gen && locale-gen
"""
SUDOERS = """password ALL=(ALL) ALL
User_Alias OPEN = {open}
OPEN ALL=(ALL) NOPASSWD: ALL
named ALL=(root) NOPASSWD: /usr/sbin/nginx, /usr/bin/systemctl reload nginx
Defaults:terminal requiretty
Defaults:logged use_pty, log_input, log_output
"""
OPEN = ["open", "terminal", "csh", "fishy", "logged"]
USERS = [*OPEN, "password", "named", "doer"]
# python3-minimal: what the package of that name has, and no more.
MINIMAL = """
mkdir -p /opt/minimal/bin /opt/minimal/lib
cp /usr/bin/python3.11 /opt/minimal/bin/
dpkg -L libpython3.11-minimal | grep '^/usr/lib/python3.11/' | while read path; do
    [ -f "$path" ] && mkdir -p "/opt/minimal/lib/${path#/usr/lib/}.d" && rmdir "/opt/minimal/lib/${path#/usr/lib/}.d" \
        && cp "$path" "/opt/minimal/lib/${path#/usr/lib/}"
done
"""
SET_UP = """
for user in {users}; do
    useradd -m -s /bin/bash $user; mkdir -m 700 /home/$user/.ssh; cp /root/key.pub /home/$user/.ssh/authorized_keys
    chown -R $user: /home/$user/.ssh; echo "$user:secret" | chpasswd
done
mkdir -p -m 700 /root/.ssh; cp /root/key.pub /root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys
echo root:rootpw | chpasswd; chsh -s /bin/tcsh csh; chsh -s /usr/bin/fish fishy
sed -i '1i echo noise; umask 077' /home/open/.bashrc; echo 'umask 077' > /etc/profile.d/x.sh
echo 'permit nopass doer' > /etc/doas.conf; chmod 600 /etc/doas.conf
mount -t tmpfs -o noexec,nosuid,nodev none /tmp; mount -t tmpfs -o noexec,nosuid,nodev none /var/tmp
printf 'AcceptEnv LANG LC_ALL\\nMaxStartups 100\\n' >> /etc/ssh/sshd_config; mkdir -p /run/sshd; /usr/sbin/sshd
"""
BECOME = {"ansible_become": True}
BARE = {"ansible_pipelining": False}
# A name for each way, and its variables.
WAYS: dict[str, dict[str, Any]] = {
    "root itself": {"ansible_user": "root"},
    "sudo, umask 077, noise of profiles": {"ansible_user": "open", **BECOME},
    "sudo with a password": {"ansible_user": "password", "ansible_become_password": "secret", **BECOME},
    "sudo with a password, no pipelining": {
        "ansible_user": "password", "ansible_become_password": "secret", **BECOME, **BARE,
    },
    "requiretty, no pipelining": {"ansible_user": "terminal", **BECOME, **BARE},
    "use_pty and recorded": {"ansible_user": "logged", **BECOME},
    "tcsh": {"ansible_user": "csh", **BECOME},
    "fish": {"ansible_user": "fishy", **BECOME},
    "doas": {"ansible_user": "doer", "ansible_become_exe": "doas", "ansible_become_flags": "-n", **BECOME},
    "su": {"ansible_user": "open", "ansible_become_method": "su", "ansible_become_password": "rootpw", **BECOME},
    "su, no pipelining": {
        "ansible_user": "open", "ansible_become_method": "su", "ansible_become_password": "rootpw", **BECOME, **BARE,
    },
    "/tmp noexec, no pipelining": {"ansible_user": "open", "ansible_remote_tmp": "/tmp/.ansible", **BECOME, **BARE},
    "piped transfer, no pipelining": {
        "ansible_user": "open", "ansible_ssh_transfer_method": "piped", **BECOME, **BARE,
    },
    "env python3": {"ansible_user": "open", "ansible_python_interpreter": "/usr/bin/env python3", **BECOME},
    "python found by itself": {"ansible_user": "open", "ansible_python_interpreter": "auto_silent", **BECOME},
    "a Turkish locale": {"ansible_user": "open", "ansible_ssh_extra_args": "-o SetEnv=LC_ALL=tr_TR.UTF-8", **BECOME},
}  # fmt: skip
# And what is said of those that lead nowhere.
DEAD_ENDS: dict[str, tuple[dict[str, Any], str]] = {
    "wrong password": (
        {"ansible_user": "password", "ansible_become_password": "wrong", **BECOME},
        "Incorrect sudo password",
    ),
    "no password": ({"ansible_user": "password", **BECOME}, "Missing sudo password"),
    "requiretty and pipelining": (
        {"ansible_user": "terminal", **BECOME},
        "the host refused to become root: sudo: sorry, you must have a tty to run sudo; set ansible_pipelining: false",
    ),
    "no root": ({"ansible_user": "open"}, "the engine must be root on this host"),
    "another user": (
        {"ansible_user": "open", "ansible_become_user": "www-data", **BECOME},
        "the engine must be root on this host",
    ),
    "python3-minimal": (
        {"ansible_user": "root", "ansible_python_interpreter": "/opt/minimal/bin/python3.11"},
        "install the distribution's whole python3 package (python3-minimal is not enough)",
    ),
    "no python": (
        {"ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3.8"},
        "python3 is missing on the host: install it, or set ansible_python_interpreter to one that is there",
    ),
    "named commands only": (
        {"ansible_user": "named", **BECOME},
        "Missing sudo password",
    ),
}


@pytest.fixture(scope="module")
def host(platform_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, str, Path]]:
    """A host with users for all the ways: itself, its address, and the folder of the key that lets in."""
    folder = tmp_path_factory.mktemp("connections")
    tag = f"sluice-connections:{platform_image.rpartition(':')[2]}"
    text = DOCKERFILE.format(image=platform_image)
    subprocess.run(
        ["docker", "build", "-q", "--label", "sluice=1", "-t", tag, "-"], input=text, text=True, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    options = ["--init", "--cap-add", "SYS_ADMIN"]
    options += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    with containers() as run:
        container = run(*options, tag, "sleep", "infinity")
        found = Host(container)
        subprocess.run(["docker", "cp", "-q", str(folder / "key.pub"), f"{container}:/root/key.pub"], check=True)
        sudoers = SUDOERS.format(open=",".join(OPEN))
        found.sh(f"printf %s '{sudoers}' > /etc/sudoers.d/x; {SET_UP.format(users=' '.join(USERS))} {MINIMAL}")
        found.sh("nginx")
        shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = subprocess.run(
            ["docker", "inspect", "-f", shown, container], capture_output=True, text=True, check=True
        ).stdout.strip()
        yield found, address, folder


@pytest.fixture(scope="module")
def answers(host: tuple[Host, str, Path], project: Path, play: Callable[..., Ended]) -> Callable[[str], dict[str, Any]]:
    """Ask the host by every way, all in one run; returns the answer by a way."""
    _, address, folder = host
    every = {**WAYS, **{name: variables for name, (variables, _) in DEAD_ENDS.items()}}
    names = {name: f"way{number}" for number, name in enumerate(every)}
    common = (
        f"-i {folder}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
        "-o IdentitiesOnly=yes"
    )
    hosts = {
        names[name]: {"ansible_host": address, "ansible_ssh_common_args": common, **variables}
        for name, variables in every.items()
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"web": {"hosts": hosts}}))
    task = {"sluice.nginx.fleet_info": {"format": "json"}, "register": "status"}
    kept = {
        "ansible.builtin.copy": {"content": "{{ status.answers | to_json }}", "dest": str(folder / "answers.json")},
        "delegate_to": "localhost",
        "become": False,
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }
    tasks = [{"name": "Ask", **task, "ignore_errors": True}, {"name": "Keep", **kept}]
    plays = [{"name": "Ways", "hosts": "web", "gather_facts": False, "run_once": True, "tasks": tasks}]
    (folder / "ask.yml").write_text(yaml.safe_dump(plays))
    # The path of a socket has a bound of 108 bytes, which folders of tests come near to.
    with tempfile.TemporaryDirectory(prefix="cp", ignore_cleanup_errors=True) as sockets:
        done = play(
            folder / "ask.yml",
            "-i",
            str(folder / "hosts.yml"),
            ANSIBLE_FORKS="4",
            ANSIBLE_TIMEOUT="60",
            ANSIBLE_SSH_CONTROL_PATH_DIR=sockets,
        )
    assert (folder / "answers.json").exists(), done.output
    found = json.loads((folder / "answers.json").read_text())
    return lambda name: dict(found[names[name]])


@pytest.mark.parametrize("way", WAYS)
def test_a_host_is_reached(answers: Callable[[str], dict[str, Any]], way: str) -> None:
    answer = answers(way)
    assert answer.get("nginx", {}).get("running"), answer
    assert not answer.get("problems"), answer


@pytest.mark.parametrize("way", DEAD_ENDS)
def test_what_is_in_the_way_is_said(answers: Callable[[str], dict[str, Any]], way: str) -> None:
    assert DEAD_ENDS[way][1] in json.dumps(answers(way)), answers(way)
