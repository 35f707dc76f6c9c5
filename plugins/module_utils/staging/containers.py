"""Containers of a stage: what is packed into them, commands run in them, and images of the user beside them."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import tarfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..environment.images import Image
from ..errors import SluiceError
from ..packages import docker
from .orphans import is_removed

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["Completed", "await_image", "execute", "libraries", "pack", "pulled", "remove"]

_LIBRARIES = ("h2", "hpack", "hyperframe")
_TIMEOUT_SECONDS = 60.0
_REMOVAL_SECONDS = 10.0
_CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1).close()"


class Completed(NamedTuple):
    """A command that ended in a container: its exit code, and what it printed on both channels."""

    code: int
    output: str


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give an entry to root, readable by all: a checkout's owner and umask mean nothing in production."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def pack(files: Mapping[str, bytes], folders: Mapping[str, Path]) -> bytes:
    """Pack files, and folders of this machine, at their paths in a container."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, folder in folders.items():
            archive.add(folder, path.lstrip("/"), filter=_as_root)
        for path, data in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


@functools.lru_cache(maxsize=1)
def libraries() -> bytes:
    """Zip the libraries that are used in containers. They are plain Python, so they are the same everywhere."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in _LIBRARIES:
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                raise SluiceError(f"the Python library {name} is missing on the controller; run `make setup`")
            folder = Path(spec.origin).parent
            for source in sorted(folder.rglob("*.py")):
                archive.write(source, f"{name}/{source.relative_to(folder)}")
    return packed.getvalue()


def execute(container: Container, *command: str) -> Completed:
    """Run a command in a container, to its end."""
    done = container.exec_run(list(command))
    output = done.output if isinstance(done.output, bytes) else b"".join(done.output)
    return Completed(done.exit_code or 0, output.decode(errors="replace"))


def pulled(client: docker.DockerClient, image: Image) -> str:
    """Find an image, or pull it; tells its id. Raises ``SluiceError``."""
    try:
        with contextlib.suppress(docker.errors.ImageNotFound):
            return str(client.images.get(image.image).id)
        return str(client.images.pull(*_name_and_version(image.image)).id)
    except docker.errors.APIError as error:
        raise SluiceError(
            f"staging_images: Docker has no image {image.image}, and cannot pull it: {error.explanation or error}; "
            f"build or load it on the controller, or leave {image.endpoint.host}:{image.endpoint.port} to a stub"
        ) from error


def _name_and_version(image: str) -> tuple[str, str]:
    """Split a name as Docker pulls it: by its digest, else by its tag, of which without a word it would pull all."""
    name, at, digest = image.partition("@")
    begin, _, tag = name.rpartition(":")
    tagged = bool(begin) and "/" not in tag
    if at:
        return (begin if tagged else name), digest
    return (begin, tag) if tagged else (name, "latest")


def await_image(container: Container, image: Image, network: Container) -> None:
    """Wait until an image accepts connections. Raises ``SluiceError`` with its last words when it ends or never does.

    ``network`` is the container whose network it shares.
    """
    where = f"{image.endpoint.host}:{image.endpoint.port}"
    until = time.monotonic() + _TIMEOUT_SECONDS
    while execute(network, "python3", "-IS", "-c", _CONNECT, str(image.endpoint.port)).code:
        container.reload()
        if container.status not in ("created", "running"):
            code = container.attrs["State"]["ExitCode"]
            raise SluiceError(f"the image {image.image} for {where} ended with {code}: {_last_words(container)}")
        if time.monotonic() > until:
            raise SluiceError(
                f"the image {image.image} does not accept connections on port {image.endpoint.port} after "
                f"{_TIMEOUT_SECONDS:.0f} s; it must listen there on all addresses. Its last words: "
                f"{_last_words(container)}"
            )
        time.sleep(0.1)


def _last_words(container: Container) -> str:
    words = container.logs(tail=20)
    return words.decode(errors="replace").strip()[-400:] or "none"


def remove(containers: Sequence[Container]) -> None:
    """Remove containers, at once and all of them; what is gone already is fine."""
    if containers:
        with ThreadPoolExecutor(len(containers)) as pool:
            problems = [problem for problem in pool.map(_removed, containers) if problem]
        if problems:
            raise SluiceError(f"Docker cannot remove what staging made: {'; '.join(problems)}")


def _removed(container: Container) -> str:
    """Remove a container and see that it is gone; return what is wrong where it stays.

    Docker says of one that it cannot end right now what it says of one that somebody else removes.
    """
    until = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            return ""
        except docker.errors.APIError as error:
            if time.monotonic() > until:
                return "" if is_removed(error) else f"{container.name}: {error.explanation or error}"
            time.sleep(0.2)
        else:
            return ""
