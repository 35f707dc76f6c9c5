"""Hosts to race on: containers with nginx, sshd and Python, reached by SSH at their own addresses."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import docker

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels, project_label

from .measuring import processor, sessions

__all__ = ["PLAIN_TREES", "Hosts", "made_hosts"]

# Whoever copies files into /etc/nginx has a tree of its own, since Sluice rightly refuses one that others write into.
PLAIN_TREES = ("bare_ssh", "pyinfra", "plain_ansible")
_BOOT = f"""
mkdir -p /run/sshd /root/.ssh
echo "$KEY" > /root/.ssh/authorized_keys
for tree in {" ".join(PLAIN_TREES)}; do cp -a /etc/nginx /srv/$tree; done
nginx
exec /usr/sbin/sshd -D -e -o UseDNS=no -o PermitRootLogin=prohibit-password -o LogLevel="$LOG"
"""
# Without Sluice on the host, its directory must make room for a link first.
_TO_OWN_TREE = """
[ -L /etc/nginx ] || { mv /etc/nginx /srv/packaged && ln -s /srv/packaged /etc/nginx; }
readlink /etc/nginx > /srv/before
ln -s /srv/%s /etc/nginx.turn && mv -T /etc/nginx.turn /etc/nginx && nginx -s reload
"""
_TO_TREE_BEFORE = """
ln -s "$(cat /srv/before)" /etc/nginx.turn && mv -T /etc/nginx.turn /etc/nginx && nginx -s reload
"""
_AT_A_TIME = 4
_SECONDS = 120


class Made(NamedTuple):
    """A container: its name, its address, and its first process."""

    container: str
    address: str
    pid: int


class Hosts:
    """The containers, by host. ``folder`` is for sockets of SSH, whose paths must be short, and for the key."""

    def __init__(self, made: Mapping[str, Made], folder: Path) -> None:
        self._made, self.folder = dict(made), folder
        self.addresses = {name: each.address for name, each in made.items()}
        self.config = folder / "ssh_config"
        self._masters: dict[str, subprocess.Popen[bytes]] = {}
        self.config.write_text(_ssh_config(self.addresses, folder), encoding="utf-8")

    @property
    def names(self) -> list[str]:
        """All of them, in order."""
        return list(self.addresses)

    @property
    def sockets(self) -> Path:
        """Where the kept connections are; Ansible finds them there under the same names."""
        return self.folder / "cp"

    def connect(self) -> None:
        """Open a connection to each host, which is kept until the end. Raises ``SluiceError``."""
        self.sockets.mkdir()
        for name in self.names:
            command = ["ssh", "-F", str(self.config), "-M", "-N", "-o", "ConnectionAttempts=30", name]
            self._masters[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + _SECONDS
        while len(list(self.sockets.iterdir())) < len(self.names):
            if time.monotonic() > deadline:
                raise SluiceError(f"after {_SECONDS} s SSH does not reach each of the {len(self.names)} hosts")
            time.sleep(0.1)

    def disconnect(self) -> None:
        """Close the kept connections."""
        for process in self._masters.values():
            process.terminate()
        for process in self._masters.values():
            process.wait()

    def warm(self, names: Sequence[str]) -> None:
        """See to it that what is timed next has connections, and finds the hosts awake. Raises ``SluiceError``."""
        gone = [name for name in names if self._masters[name].poll() is not None]
        if gone:
            raise SluiceError(f"the kept connection to {', '.join(gone)} has ended by itself")
        self.sh(names, "true")

    def sh(self, names: Sequence[str], script: str) -> None:
        """Run a script of the shell on hosts, at once. Raises ``SluiceError`` when it fails on one."""
        started = {
            name: subprocess.Popen(
                ["ssh", "-F", str(self.config), name, script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name in names
        }
        said = {name: process.communicate(timeout=_SECONDS)[0] for name, process in started.items()}
        bad = [name for name, process in started.items() if process.returncode]
        if bad:
            raise SluiceError(f"a script failed on {', '.join(bad)}; {bad[0]} said: {said[bad[0]].strip()}")

    def processor(self, names: Sequence[str]) -> float | None:
        """The seconds of processor time that hosts have had so far, together; None where nothing tells it."""
        found = [processor(self._made[name].pid) for name in names]
        return None if None in found else sum(each for each in found if each is not None)

    def sessions(self, name: str) -> list[datetime]:
        """When sshd on a watched host started each of its sessions."""
        container = connect().containers.get(self._made[name].container)
        return sessions(container.logs(timestamps=True).decode(errors="replace"))

    @contextlib.contextmanager
    def own_tree(self, names: Sequence[str], tree: str) -> Iterator[None]:
        """Let hosts serve a contestant's own tree of ``PLAIN_TREES`` for a while."""
        self.sh(names, _TO_OWN_TREE % tree)
        yield
        self.sh(names, _TO_TREE_BEFORE)


def _ssh_config(addresses: Mapping[str, str], folder: Path) -> str:
    lines = [line for name, address in addresses.items() for line in (f"Host {name}", f"  HostName {address}")]
    lines += ["Host *", "  User root", f"  IdentityFile {folder}/key", "  IdentitiesOnly yes"]
    lines += ["  StrictHostKeyChecking no", "  UserKnownHostsFile /dev/null", "  LogLevel ERROR"]
    lines += ["  ControlMaster no", f"  ControlPath {folder}/cp/%C"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def made_hosts(project: Path, name: str, image: str, count: int) -> Iterator[Hosts]:
    """Make hosts in a network of their own, and connect to them; remove them at the end, whatever happens.

    What an earlier run of this ``name`` left behind, because it was killed, is removed first. Raises ``SluiceError``.
    """
    client = connect()
    marks = {**labels(project, "benchmark"), "sluice.benchmark": name}
    network = f"sluice-{project_label(project)[:8]}-{name}"
    folder = Path(tempfile.mkdtemp(prefix="sluice-"))
    try:
        _remove(client, marks)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
        client.networks.create(network, labels=marks, check_duplicate=True)
        public = (folder / "key.pub").read_text(encoding="utf-8").strip()
        names = [f"host{number}" for number in range(1, count + 1)]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            made = pool.map(
                lambda each: _make(client, network, each, image, marks, public, watched=each == names[0]), names
            )
            hosts = Hosts(dict(zip(names, made, strict=True)), folder)
        try:
            hosts.connect()
            yield hosts
        finally:
            hosts.disconnect()
    except docker.errors.APIError as error:
        raise SluiceError(f"the hosts cannot be made: {error.explanation}") from error
    finally:
        _remove(client, marks)
        shutil.rmtree(folder)


def _make(
    client: docker.DockerClient,
    network: str,
    name: str,
    image: str,
    marks: Mapping[str, str],
    public: str,
    *,
    watched: bool,
) -> Made:
    """Make a host. One that is ``watched`` logs each session, which costs a little."""
    container = client.containers.run(
        image,
        ["sh", "-c", _BOOT],
        detach=True,
        init=True,
        name=f"{network}-{name}",
        hostname=name,
        labels=dict(marks),
        network=network,
        environment={"KEY": public, "LOG": "VERBOSE" if watched else "ERROR"},
        # As on a real server, root may have a mount namespace of its own.
        cap_add=["SYS_ADMIN"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
    )
    container.reload()
    address = str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
    return Made(f"{network}-{name}", address, int(container.attrs["State"]["Pid"]))


def _remove(client: docker.DockerClient, marks: Mapping[str, str]) -> None:
    found = [f"{name}={value}" for name, value in marks.items()]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        containers = client.containers.list(all=True, filters={"label": found})
        list(pool.map(lambda each: each.remove(force=True, v=True), containers))
    for network in client.networks.list(filters={"label": found}):
        network.remove()
