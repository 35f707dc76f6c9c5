"""Execution nodes: containers with SSH, Sluice and ansible-runner, from which slices reach their hosts.

Work comes to them as a user would send it: by ``examples/fleets/on-node.sh``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.hosts import Fleet as SandboxFleet
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_name
from tests.commands import PUSH, begin
from tests.faults.fleet.fleet import Fleet, Run
from tests.faults.host.container import ContainedMachine
from tests.faults.host.host import until

__all__ = ["ExecutionNode", "ExecutionNodes"]

# Where nodes keep the states of their slices.
_STATES = "/var/lib/slices"

_CLOCK = Path(__file__).parent / "clock/sitecustomize.py"
# Debian's Python makes environments without pip; the wheel of pip is a program that installs all, itself too.
_INSTALL = """
python3 -m venv --without-pip /opt/sluice
/opt/sluice/bin/python "$(echo /wheels/pip-*.whl)/pip" \
  install --quiet --no-index --find-links /wheels sluice-nginx ansible-runner
"""
_SERVE = "mkdir -p /run/sshd; exec /usr/sbin/sshd -D -o PermitUserEnvironment=yes"
_PLAYBOOK = "pgrep -f '[a]nsible-playbook' | sort -n | head -n 1"
# What a worker starts is in sessions of its own, and outlives it for a moment.
_AT_WORK = "ansible|ssh .*ControlPath"
# What tests/faults/fleet says of hosts that are cut.
_CONFIGURATION = """[defaults]
inventory = hosts.yml
stdout_callback = sluice.nginx.brief
callbacks_enabled = sluice.nginx.forks, sluice.nginx.verdicts
interpreter_python = /usr/bin/python3
nocolor = true
forks = 5
timeout = 5

[ssh_connection]
pipelining = true
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=3 -o ServerAliveCountMax=2
"""
_SSH = """Host *
  HostName {address}
  User root
  IdentityFile "{key}"
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ServerAliveInterval 3
"""


class ExecutionNode(ContainedMachine):
    """An execution node."""

    @property
    def address(self) -> str:
        """Its address now, in the network of the hosts."""
        shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return _docker("inspect", "-f", shown, self.container)

    def kill(self) -> None:
        """Cut its power."""
        subprocess.run(["docker", "kill", self.container], check=False, capture_output=True)

    def kill_playbook(self) -> None:
        """Kill ansible-playbook alone; what works for it is in processes of its own, and so is ansible-runner."""
        self.sh(f"kill -9 $({_PLAYBOOK})")

    def level(self, skew: float = 0) -> None:
        """Let nothing run on it but SSH, which gives what it starts a clock that is ``skew`` seconds ahead."""
        _docker("start", self.container)
        self.exec("pkill", "-9", "-f", _AT_WORK)
        self.exec("rm", "-rf", "/root/.ansible/cp")
        environment = f"PYTHONPATH=/clock\nSKEW={skew}\n" if skew else ""
        self.sh(f"printf %s '{environment}' > /root/.ssh/environment")
        until(lambda: self.exec("pgrep", "-x", "sshd").returncode == 0, f"{self.container} takes SSH")

    def state(self) -> str:
        """Make the state folder of a controller that knows the releases and nothing else; return its path."""
        return self.sh(f"state=$(mktemp -d -p {_STATES}); cp -a {_STATES}/releases $state; echo $state")


class ExecutionNodes:
    """One node for each host of a fleet, and a repository with a playbook that pushes."""

    def __init__(self, fleet: Fleet, image: str, dist: Path, folder: Path) -> None:
        self._fleet, self._image, self._dist, self._folder = fleet, image, dist, folder
        sandbox = _sandbox(fleet)
        self._key, self._network = sandbox.key, sandbox.network
        self._labels = [f"--label={name}={value}" for name, value in labels(fleet.project, "node").items()]
        self._install()
        with ThreadPoolExecutor(len(fleet.hosts)) as pool:
            self.of = dict(zip(fleet.hosts, pool.map(self._node, fleet.hosts), strict=True))
        self._commit()

    @classmethod
    @contextlib.contextmanager
    def made(cls, fleet: Fleet, image: str, dist: Path) -> Iterator[ExecutionNodes]:
        """Make nodes from the image of hosts and the wheel in ``dist``, and leave nothing behind."""
        with tempfile.TemporaryDirectory(prefix="nodes-") as folder:
            # Those of tests that somebody killed may be in any state.
            _remove(fleet)
            try:
                yield cls(fleet, image, dist, Path(folder))
            finally:
                _remove(fleet)

    def start(self, host: str, *options: str) -> Run:
        """Start the playbook on the node of a host, with more options of ansible-playbook."""
        node, config = self.of[host], self._folder / f"ssh-{host}"
        config.write_text(_SSH.format(key=self._key, address=node.address))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [str(self._fleet.project / "examples/fleets/on-node.sh"), node.container, "push.yml", *options]
        return Run(begin(command, self._repository, {**os.environ, "PATH": path, "NODE_SSH": f"ssh -F {config}"}))

    @property
    def _repository(self) -> Path:
        return self._folder / "repository"

    def _install(self) -> None:
        """Install Sluice from wheels into a volume that all nodes mount, as where no index can be reached."""
        wheels, constraints = self._folder / "wheels", self._folder / "constraints.txt"
        wheels.mkdir()
        (own,) = self._dist.glob("*.whl")
        # The versions that everything else is tested with, for the Python of the nodes.
        packages = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
        pinned = [f"{name}=={version}\n" for name, version in packages.items() if name not in ("pip", "sluice-nginx")]
        constraints.write_text("".join(pinned))
        python = _docker(
            "run", "--rm", self._image, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
        )
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--only-binary=:all:", "--python-version", python, "--dest", str(wheels)]
        command += ["--constraint", str(constraints), "pip", "ansible-runner", str(own)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        volume = _volume(self._fleet)
        _docker("volume", "create", *self._labels, volume)
        mounts = ["-v", f"{volume}:/opt/sluice", "-v", f"{wheels}:/wheels:ro"]
        _docker("run", "--rm", "--network=none", *self._labels, *mounts, self._image, "sh", "-ec", _INSTALL)

    def _node(self, host: str) -> ExecutionNode:
        name = f"{_volume(self._fleet)}-{host}"
        options = [f"--name={name}", f"--network={self._network}", "-v", f"{_volume(self._fleet)}:/opt/sluice:ro"]
        _docker("run", "-d", "--init", *self._labels, *options, self._image, "sh", "-c", _SERVE)
        node = ExecutionNode(name)
        node.sh(f"mkdir -p -m 700 /root/.ssh {_STATES}/releases; mkdir /clock")
        copies = {
            str(_CLOCK): "/clock/sitecustomize.py",
            str(self._key): "/root/.ssh/id_ed25519",
            f"{self._key}.pub": "/root/.ssh/authorized_keys",
        }
        store = self._fleet.project / ".sluice/releases"
        copies |= {str(store / release): f"{_STATES}/releases/{release}" for release in self._fleet.releases()}
        for source, target in copies.items():
            _docker("cp", source, f"{name}:{target}")
        node.sh(f"chown -R root: /root/.ssh {_STATES}")
        return node

    def _commit(self) -> None:
        """Make the repository of the work: a playbook, an inventory, and how Ansible reaches hosts."""
        self._repository.mkdir()
        hosts = {name: {"ansible_host": f"{self._network}-{name}"} for name in self._fleet.hosts}
        reached = {"ansible_user": "root", "ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}
        web = {"hosts": hosts, "vars": {**reached, "gates_inventory": "sandbox"}}
        (self._repository / "hosts.yml").write_text(yaml.safe_dump({"web": web}))
        (self._repository / "push.yml").write_text(PUSH)
        (self._repository / "ansible.cfg").write_text(_CONFIGURATION)
        git = ["git", "-C", str(self._repository), "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=Work"]):
            subprocess.run([*git, *command], check=True)


def _sandbox(fleet: Fleet) -> SandboxFleet:
    return SandboxFleet(read_name(fleet.name, "name"), fleet.project, fleet.project / ".sluice")


def _volume(fleet: Fleet) -> str:
    """Name the volume of the nodes, with which their names begin."""
    return f"{_sandbox(fleet).network}-nodes"


def _remove(fleet: Fleet) -> None:
    volume = _volume(fleet)
    for host in fleet.hosts:
        subprocess.run(["docker", "rm", "-f", "-v", f"{volume}-{host}"], check=False, capture_output=True)
    subprocess.run(["docker", "volume", "rm", "-f", volume], check=False, capture_output=True)


def _docker(*argv: str) -> str:
    done = subprocess.run(["docker", *argv], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(argv)}: {done.stderr}"
    return done.stdout.strip()
