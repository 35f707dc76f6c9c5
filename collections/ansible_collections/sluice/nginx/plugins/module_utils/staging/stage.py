"""A stage: two containers around a release. nginx runs in the first, stand-ins for its upstreams in the second.

Neither has a network. A pair of virtual interfaces, made from inside, is all that joins them, so nothing real can be
reached from either, the controller included, and no address can clash. (An internal network of Docker's would drop what
goes to addresses outside its range, and those are the point: a literal upstream address has to lead to a stand-in.)
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import docker
from docker.models.containers import Container

from .. import remote
from ..errors import InputError, SluiceError
from ..world import inside
from ..world.model import Endpoint, World
from ..world.synthesis import STAND_IN_NETWORK

__all__ = ["Completed", "Stage", "StageSettings", "owner_label", "remove_orphans"]

_TREE = "/var/lib/sluice/releases"
_HOME = "sluice"
_OWNER = "sluice.pid"
_INSIDE = Path(str(inside.__file__)).parent
_START = f"import sys; sys.path[:0] = ['/{_HOME}', '/{_HOME}/shipped.zip']; from inside.main import main; main()"
_AGENT = ("python3", "-IS", "-c", _START)
# The ends of the link. The range is for tests of network devices (RFC 2544), so no production has it.
_NGINX, _STAND_IN = "198.18.0.1", "198.18.0.2"


class Completed(NamedTuple):
    """A command that ended in a container: its exit code, and what it printed on both channels."""

    code: int
    output: str


@dataclass(frozen=True)
class StageSettings:
    """What all stages of a run share. ``labels`` mark everything that is made, ``docroots`` are the user's files."""

    image: str
    labels: Mapping[str, str]
    docroots: Mapping[str, Path]
    owners: Mapping[str, str]


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give an entry to root, readable by all: a checkout's owner and umask mean nothing in production."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _pack(files: Mapping[str, bytes], folders: Mapping[str, Path]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, folder in folders.items():
            archive.add(folder, path.lstrip("/"), filter=_as_root)
        for path, data in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _exec(container: Container, *command: str) -> Completed:
    done = container.exec_run(list(command))
    output = done.output if isinstance(done.output, bytes) else b"".join(done.output)
    return Completed(done.exit_code or 0, output.decode(errors="replace"))


class Stage:
    """Runs the release ``serves``. Use it as a context, so that the containers end with it.

    ``trees`` are the releases that the containers hold, by id; ``basis`` is the one that the world is completed by.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        trees: Mapping[str, Path],
        serves: str,
        world: World,
        settings: StageSettings,
        basis: str = "",
    ) -> None:
        self.client = client
        self.name = name
        self.world = world
        self._trees = trees
        self._serves = serves
        self._basis = basis or serves
        self._settings = settings
        self._started: dict[str, Any] | None = None
        self._containers: list[Container] = []
        self._opener = ThreadPoolExecutor(1)
        self._opening: Future[None] | None = None
        for path, folder in settings.docroots.items():
            if not folder.exists():
                raise InputError("staging_docroots", f"{folder}, which is mapped to {path}, does not exist")

    def open(self, error_logs: Sequence[str]) -> None:
        """Begin to start the containers and make the world, which takes one to two seconds.

        ``run`` and ``ask`` wait for it, and raise what went wrong.
        """
        self._opening = self._opener.submit(self._open, error_logs)

    def _open(self, error_logs: Sequence[str]) -> None:
        try:
            files = {
                **{f"{_HOME}/inside/{path.name}": path.read_bytes() for path in _INSIDE.glob("*.py")},
                f"{_HOME}/plan.json": json.dumps(self._plan(error_logs)).encode(),
                f"{_HOME}/shipped.zip": remote.pack().data,
            }
            trees = {f"{_TREE}/{identity}": tree for identity, tree in self._trees.items()}
            packed = _pack(files, {**trees, **self._settings.docroots})
            nginx = self._container("nginx", packed)
            # The link's other end is put into the network of process 1, which is nginx's container's for both of them.
            others = self._container("stand-in", packed, pid_mode=f"container:{nginx.id}")
            others.exec_run([*_AGENT, "stand-in"], detach=True)
            self._ask("prepare")
            self._await_stand_ins(others)
        except docker.errors.APIError as error:
            raise SluiceError(f"Docker cannot run the stage {self.name}: {error.explanation or error}") from error

    def _await_stand_ins(self, others: Container) -> None:
        try:
            self._ask("wait")
        except SluiceError as error:
            words = _exec(others, "sh", "-c", f"cat /{_HOME}/*.log").output.strip()
            raise SluiceError(f"{error}; their own words: {words[-400:] or 'none'}") from error

    def _plan(self, error_logs: Sequence[str]) -> dict[str, Any]:
        world = asdict(self.world)

        def bound(end: Mapping[str, Any]) -> dict[str, Any]:
            return {**end, "bind": self.world.names.get(end["host"], end["host"])}

        for service in world["services"]:
            service["endpoint"] = bound(service["endpoint"]) if service["endpoint"] else None
        return {
            **world,
            "directories": {**world["directories"], **self._settings.owners},
            "stand_ins": [bound(asdict(each)) for each in self._bindable()],
            "nginx": _NGINX,
            "stand_in": _STAND_IN,
            "stand_in_network": str(STAND_IN_NETWORK),
            "tree": f"{_TREE}/{self._serves}",
            "basis": f"{_TREE}/{self._basis}",
            "trees": [f"{_TREE}/{identity}" for identity in self._trees],
            "error_logs": list(error_logs),
        }

    def _bindable(self) -> list[Endpoint]:
        # 127.0.0.1 is the stage's own, where the services beside nginx answer.
        return [end for end in self.world.stand_ins if end.host not in ("127.0.0.1", "localhost", "::1")]

    def _container(self, role: str, packed: bytes, pid_mode: str | None = None) -> Container:
        made = self.client.containers.create(
            self._settings.image,
            ["sleep", "infinity"],
            name=f"{self.name}-{role}",
            hostname=role,
            labels=dict(self._settings.labels),
            network_mode="none",
            pid_mode=pid_mode,
            cap_add=["NET_ADMIN"],
            init=True,
        )
        self._containers.append(made)
        made.put_archive("/", packed)
        made.start()
        return made

    @property
    def container(self) -> str:
        """The name of nginx's container, for ``docker exec`` and testinfra."""
        return f"{self.name}-nginx"

    def run(self, *command: str) -> Completed:
        """Run a command in nginx's container. Raises ``SluiceError`` when the stage could not be opened."""
        self._opened()
        return self._run(*command)

    def _opened(self) -> None:
        if self._opening is None:
            raise SluiceError(f"the stage {self.name} was not opened")
        self._opening.result()

    def _run(self, *command: str) -> Completed:
        return _exec(self._containers[0], *command)

    def start(self) -> dict[str, Any]:
        """Start nginx, once; the answer of the agent is the same for all who ask. Raises ``SluiceError``."""
        if self._started is None:
            self._started = self.ask("start")
        return self._started

    def lay(self, name: str, files: Mapping[str, bytes]) -> str:
        """Put a copy of the release into the container with ``files`` (paths in the tree) laid over it.

        Returns the copy's path there, for the agent's ``serve``. Raises ``SluiceError``.
        """
        copy = f"{_TREE}/{name}"
        done = self.run("cp", "-a", f"{_TREE}/{self._serves}", copy)
        if done.code:
            raise SluiceError(f"staging cannot copy the release: {done.output.strip()}")
        self._containers[0].put_archive("/", _pack({f"{copy}/{path}": data for path, data in files.items()}, {}))
        return copy

    def ask(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Have the agent in nginx's container do ``what``. Raises ``SluiceError`` with its words when it cannot."""
        self._opened()
        return self._ask(what, about)

    def _ask(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        if about:
            self._containers[0].put_archive("/", _pack({f"{_HOME}/{what}.json": json.dumps(list(about)).encode()}, {}))
        code, output = self._run(*_AGENT, what)
        last = output.strip().rsplit("\n", 1)[-1]
        try:
            answer = dict(json.loads(last))
        except (ValueError, TypeError):
            raise SluiceError(f"staging cannot {what}: the agent ended with {code}: {last or 'no word'}") from None
        if "error" in answer:
            raise SluiceError(f"staging cannot {what}: {answer['error']}")
        return answer

    def close(self) -> None:
        """Remove the containers; the second one first, since it lives in the first one's process namespace."""
        self._opener.shutdown()
        for container in reversed(self._containers):
            container.remove(force=True, v=True)
        self._containers = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def owner_label() -> dict[str, str]:
    """The label that says which process a stage belongs to, so that what a killed one left is known."""
    return {_OWNER: str(os.getpid())}


def remove_orphans(client: docker.DockerClient, project: str) -> int:
    """Remove the stages of a project whose process is gone; tells how many containers there were."""
    labels: list[str] = [f"sluice.project={project}", "sluice.part=stage"]
    left = [each for each in client.containers.list(all=True, filters={"label": labels}) if not _owned(each)]
    for container in left:
        container.remove(force=True, v=True)
    return len(left)


def _owned(container: Container) -> bool:
    try:
        os.kill(int(container.labels.get(_OWNER, "0")), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process lives
        return True
    return True
