"""The hosts of a sandbox: containers with systemd and sshd, their network, and how SSH finds them."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import SluiceError
from ..packages import docker
from ..staging.labels import labels, project_label
from ..storage import make_folder, write_text
from ..untrusted import Name, is_inside, read_name
from .image import ensure_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from docker.models.containers import Container

__all__ = ["Fleet", "SandboxHost", "ensure_fleet", "fleet_json", "free_ports", "remove_fleet", "ssh_config"]

# The ports that hosts of each kind publish.
_PORTS = {
    "web": {"ssh": "22/tcp", "http": "80/tcp", "https": "443/tcp"},
    "monitor": {
        "ssh": "22/tcp",
        "receiver": "8080/tcp",
        "smtp": "2525/tcp",
        "prometheus": "9090/tcp",
        "alertmanager": "9093/tcp",
    },
}
_TRIES = 3
# systemd needs control groups to write to. A host has a namespace of its own for them, and so sees none of the
# machine's, nor what runs on the machine when one is released. Of the first version it has the hierarchy without
# controllers, which only names groups; it cannot make directories for others.
_BOOT = """
set -e
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -o remount,rw /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755,size=1m none /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd,xattr none /sys/fs/cgroup/systemd
  mount -o remount,ro /sys/fs/cgroup
fi
exec /sbin/init
"""


@dataclasses.dataclass(frozen=True)
class SandboxHost:
    """What a host is made as: its further names in the fleet's network, and its kind, ``web`` or ``monitor``."""

    aliases: tuple[str, ...] = ()
    kind: str = "web"


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A sandbox called ``name`` of the project at ``root``, with its files in ``state``.

    Raises ``SluiceError`` for what is no name.
    """

    name: Name
    root: Path
    state: Path

    def __post_init__(self) -> None:
        read_name(self.name, "sandbox_name")

    @property
    def network(self) -> str:
        """The network's name, which is also the beginning of each container's name."""
        return f"sluice-{project_label(self.root)[:8]}-{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        return {**labels(self.root, "sandbox"), "sluice.sandbox": self.name}

    @property
    def folder(self) -> Path:
        return self.fleets / self.name

    @property
    def fleets(self) -> Path:
        """Where the folders of all fleets are, and nothing else."""
        return self.state / "fleets"

    @property
    def key(self) -> Path:
        return self.state / "sandbox_key"


def ensure_fleet(
    client: docker.DockerClient,
    fleet: Fleet,
    hosts: Mapping[str, SandboxHost],
    platform_image: str,
    folders: Mapping[str, Path],
    say: Callable[[str], None],
) -> bool:
    """Make what is missing of the fleet, start what has stopped, write down its ports; tell whether anything changed.

    ``platform_image`` is an id.
    """
    # Two fleets that are started at once would each make the key and the images, and choose the same ports.
    with _alone(fleet.fleets):
        arguments = {"PLATFORM": platform_image, "PUBLIC_KEY": _public_key(fleet.key)}
        marks = labels(fleet.root, "sandbox")
        kinds = sorted({host.kind for host in hosts.values()}, reverse=True)
        images = {kind: ensure_image(client, folders, kind, arguments, marks, say) for kind in kinds}
        try:
            changed = _ensure_network(client, fleet)
            with ThreadPoolExecutor(len(hosts) or 1) as pool:
                started = list(
                    pool.map(lambda name: _ensure_host(client, fleet, name, hosts[name], images, say), hosts)
                )
        except docker.errors.APIError as error:
            raise SluiceError(f"the sandbox {fleet.name} cannot be started: {error.explanation}") from error
    ports = {_host_name(each): _ports(each) for each in sorted(_containers(client, fleet), key=_host_name)}
    make_folder(fleet.folder)
    written = [
        _write(fleet.folder / "ssh_config", ssh_config(ports, fleet.key)),
        _write(fleet.folder / "fleet.json", fleet_json(ports, fleet.network)),
    ]
    return any([changed, *started, *written])


@contextlib.contextmanager
def _alone(fleets: Path) -> Iterator[None]:
    make_folder(fleets)
    with (fleets / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_fleet(client: docker.DockerClient, fleet: Fleet, hosts: Sequence[str]) -> bool:
    """Remove the named hosts, with the last of them the network and the folder; tell whether anything changed."""
    there = _containers(client, fleet)
    going = [each for each in there if _host_name(each) in hosts]
    with ThreadPoolExecutor(len(going) or 1) as pool:
        list(pool.map(_remove, going))
    if len(going) < len(there):
        return bool(going)
    networks = client.networks.list(filters={"label": _filter(fleet.labels)})
    for network in networks:
        network.remove()
    known = fleet.folder.exists()
    if known:
        if fleet.folder.is_symlink() or not is_inside(fleet.folder, fleet.fleets):
            raise SluiceError(f"{fleet.folder} leads out of {fleet.fleets}; see who made it, and remove it")
        shutil.rmtree(fleet.folder)
    return bool(going or networks or known)


def ssh_config(ports: Mapping[str, Mapping[str, int]], key: Path) -> str:
    """Write how SSH reaches each host. Host keys are not checked: hosts are made anew all the time."""
    lines = []
    for name, published in sorted(ports.items()):
        lines += [f"Host {name}", "  HostName 127.0.0.1", f"  Port {published['ssh']}"]
    lines += ["Host *", "  User root", f'  IdentityFile "{key}"', "  IdentitiesOnly yes"]
    lines += ["  StrictHostKeyChecking no", "  UserKnownHostsFile /dev/null", "  LogLevel ERROR"]
    return "\n".join(lines) + "\n"


def fleet_json(ports: Mapping[str, Mapping[str, int]], network: str) -> str:
    """Write for programs where each host is: its container, its ports on 127.0.0.1, and its web addresses."""
    hosts = {
        name: {
            "container": f"{network}-{name}",
            "ports": dict(published),
            "urls": [
                f"{scheme}://127.0.0.1:{published[scheme]}" for scheme in ("http", "https") if scheme in published
            ],
        }
        for name, published in sorted(ports.items())
    }
    return json.dumps(hosts, indent=2) + "\n"


def free_ports(count: int) -> list[int]:
    """Choose loopback ports that nothing holds now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _public_key(key: Path) -> str:
    public = key.with_suffix(".pub")
    if not public.exists():
        make_folder(key.parent)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sluice-sandbox", "-f", str(key)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise SluiceError("ssh-keygen is not installed; run `make setup`, or install openssh-client") from error
        except subprocess.CalledProcessError as error:
            raise SluiceError(f"ssh-keygen cannot make {key}: {error.stderr.strip()}") from error
    return public.read_text().strip()


def _filter(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in labels.items()]


def _containers(client: docker.DockerClient, fleet: Fleet) -> list[Container]:
    return client.containers.list(all=True, filters={"label": _filter(fleet.labels)})


def _host_name(container: Container) -> str:
    return str(container.labels["sluice.host"])


def _ports(container: Container) -> dict[str, int]:
    bindings = container.attrs["HostConfig"]["PortBindings"]
    ports = _PORTS[container.labels.get("sluice.kind", "web")]
    return {name: int(bindings[port][0]["HostPort"]) for name, port in ports.items()}


def _ensure_network(client: docker.DockerClient, fleet: Fleet) -> bool:
    # Docker's filter takes a part of a name, and so the network of a sandbox that is called alike.
    if any(network.name == fleet.network for network in client.networks.list(names=[fleet.network])):
        return False
    client.networks.create(fleet.network, labels=fleet.labels, check_duplicate=True)
    return True


def _ensure_host(
    client: docker.DockerClient,
    fleet: Fleet,
    name: str,
    host: SandboxHost,
    images: Mapping[str, str],
    say: Callable[[str], None],
) -> bool:
    """Make this host run; a container made from something else, or whose ports are taken by now, is made anew."""
    image = images[host.kind]
    recipe = hashlib.sha256(repr([image, sorted(host.aliases), _BOOT]).encode()).hexdigest()
    with contextlib.suppress(docker.errors.NotFound):
        container = client.containers.get(f"{fleet.network}-{name}")
        if container.labels.get("sluice.recipe") == recipe:
            if container.status == "running":
                return False
            with contextlib.suppress(docker.errors.APIError):
                container.start()
                return True
        say(f"{name} is made anew")
        _remove(container)
    marks = {**fleet.labels, "sluice.host": name, "sluice.kind": host.kind, "sluice.recipe": recipe}
    for left in reversed(range(_TRIES)):
        container = _create(client, fleet, name, host, image, marks)
        try:
            container.start()
            return True
        except docker.errors.APIError:
            # Another process may have taken a port since it was chosen.
            _remove(container)
            if not left:
                raise
    return True


def _create(
    client: docker.DockerClient, fleet: Fleet, name: str, host: SandboxHost, image: str, marks: dict[str, str]
) -> Container:
    ports = _PORTS[host.kind]
    published = dict(zip(ports.values(), free_ports(len(ports)), strict=True))
    endpoint = client.api.create_endpoint_config(aliases=[name, *host.aliases])
    machine: dict[str, Any] = {
        # A host comes back after a reboot, its own or the engine's, at the ports that are written down.
        "restart_policy": {"Name": "unless-stopped"},
        # systemd as the first process mounts, and so does the engine, for a namespace in which it tries a release.
        # Docker's filter of system calls lets that pass with SYS_ADMIN; its profile of AppArmor never does.
        "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
        "cap_drop": ["MKNOD"],
        "security_opt": ["apparmor=unconfined"],
        "cgroupns": "private",
        "tmpfs": {"/run": "", "/run/lock": ""},
    }
    return client.containers.create(
        image,
        ["/bin/sh", "-c", _BOOT],
        name=f"{fleet.network}-{name}",
        hostname=name,
        labels=marks,
        network=fleet.network,
        networking_config={fleet.network: endpoint},
        ports={port: ("127.0.0.1", number) for port, number in published.items()},
        **machine,
    )


def _remove(container: Container) -> None:
    container.remove(force=True, v=True)


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    write_text(path, text)
    return True
