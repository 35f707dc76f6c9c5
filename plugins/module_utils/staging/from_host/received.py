"""Reading the nginx that a host sends: bounded, held to its digests, and kept by these, so that it is fetched once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import posixpath
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.host.elf import Elf, NoElf, read_elf
from ...engine.operations.nginx_files import MOST_BYTES, MOST_FILES
from ...errors import SluiceError
from ...nginx_build import BuiltAs, read_build
from ...storage import make_folder, write_bytes
from ...textfmt import count
from ...untrusted import has_controls

__all__ = ["HostFile", "HostNginx", "KeptFiles", "fetch", "read_host_nginx"]

_MOST_PATH = 1024
# One answer carries twelve megabytes, packed, and at least one piece.
_MOST_ROUNDS = 200
_OPTION = "staging_from_host"
_KEPT_SECONDS = 30 * 24 * 3600.0

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class HostFile:
    """A file: ``kind`` is binary, loader, library or module, ``name`` what it is looked for by, ``path`` the host's."""

    kind: str
    name: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class HostNginx:
    """The nginx of a host. ``said`` is what ``nginx -V`` printed there, ``machine`` as ``uname -m`` has it, ``lacks``
    is what could not be had, in words.
    """

    host: str
    said: str
    built: BuiltAs
    os_release: str
    machine: str
    files: tuple[HostFile, ...]
    lacks: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was sent; hosts with the same nginx have the same."""
        rows = sorted([each.kind, each.name, each.path, each.sha256] for each in self.files)
        return hashlib.sha256(json.dumps([self.said, self.os_release, rows]).encode()).hexdigest()

    def of(self, kind: str) -> list[HostFile]:
        """Return the files of a kind."""
        return [each for each in self.files if each.kind == kind]

    @property
    def words(self) -> str:
        """``nginx 1.24.0 with 3 modules and 9 libraries, 12.3 MiB``."""
        size = sum(each.size for each in self.files) / (1 << 20)
        modules, libraries = count(len(self.of("module")), "module"), len(self.of("library"))
        return f"{self.built.flavour} {self.built.version} with {modules} and {libraries} libraries, {size:.1f} MiB"


def read_host_nginx(host: str, answer: Answer) -> HostNginx:
    """Return what a host answered to ``nginx_files``. Raises ``SluiceError`` for what is no nginx, or is too much."""
    rows = [HostFile(**row) for row in answer["files"]]
    binaries = [each for each in rows if each.kind == "binary"]
    if len(binaries) != 1 or sum(each.kind == "loader" for each in rows) > 1:
        raise _odd(host, f"it names {len(binaries)} binaries of nginx; expected one, and at most one loader")
    size = sum(each.size for each in rows)
    if len(rows) > MOST_FILES or size > MOST_BYTES:
        raise _odd(
            host, f"{count(len(rows), 'file')} with {size >> 20} MiB; at most {MOST_FILES} and {MOST_BYTES >> 20}"
        )
    for each in rows:
        plain = each.path.startswith("/") and posixpath.normpath(each.path) == each.path and len(each.path) < _MOST_PATH
        if not plain or has_controls(each.path):
            raise _odd(host, f"{each.path[:100]!r} is no absolute path")
    known: dict[tuple[str, str], HostFile] = {}
    for each in rows:
        if known.setdefault((each.kind, each.name), each) is not each:
            raise _odd(host, f"it names the {each.kind} {each.name} twice")
    said = str(answer["said"])
    built = read_build(said)
    if built is None:
        raise _odd(host, "what its nginx -V printed names no version")
    for name, path in {"prefix": built.prefix, **built.options}.items():
        if has_controls(path) or len(path) > 4 * _MOST_PATH:
            raise _odd(host, f"--{name} of its nginx -V is no path")
    return HostNginx(
        host, said, built, str(answer["os_release"]), str(answer["machine"]), tuple(rows), tuple(answer["lacks"])
    )


class KeptFiles:
    """The files that hosts have sent, below the controller's cache, by their SHA-256.

    What no run has used for a month is removed.
    """

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "nginx-files"
        self._begun: dict[str, bytearray] = {}
        make_folder(self._folder)

    def path(self, file: HostFile) -> Path:
        """Return where the file is."""
        return self._folder / file.sha256

    def wanted(self, nginx: HostNginx) -> list[list[object]]:
        """List what is not here: the SHA-256 of each file, and the byte to go on at."""
        lacking = {each.sha256 for each in nginx.files if not self.path(each).is_file()}
        return [[digest, len(self._begun.get(digest, b""))] for digest in sorted(lacking)]

    def take(self, nginx: HostNginx, parts: Iterable[Answer]) -> int:
        """Keep what was sent of files that are wanted; returns how many bytes came. Raises ``SluiceError``."""
        files = {each.sha256: each for each in nginx.files}
        came = 0
        for part in parts:
            file = files.get(part["sha256"])
            if file is None or self.path(file).is_file():
                raise _odd(nginx.host, "it sent a file that was not asked for")
            data = self._begun.setdefault(file.sha256, bytearray())
            if part["offset"] != len(data):
                raise _odd(nginx.host, f"it sent {file.path} from byte {part['offset']} on; expected {len(data)}")
            piece = _unpacked(nginx.host, file, part["data"], file.size - len(data))
            data += piece
            came += len(piece)
            if len(data) == file.size:
                self._keep(nginx, file, bytes(self._begun.pop(file.sha256)))
        return came

    def use(self, nginx: HostNginx) -> None:
        """Note that the files of an nginx are used now, and remove what nobody has used for a month."""
        for each in nginx.files:
            # They are root's where root has fetched them, and fetched anew when they are gone.
            with contextlib.suppress(OSError):
                os.utime(self.path(each))
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                    path.unlink()

    def _keep(self, nginx: HostNginx, file: HostFile, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        if digest != file.sha256:
            raise _odd(nginx.host, f"{file.path} has the SHA-256 {digest[:12]}…; expected {file.sha256[:12]}…")
        elf_in(nginx, file, data)
        write_bytes(self.path(file), data)


def elf_in(nginx: HostNginx, file: HostFile, data: bytes) -> Elf:
    """Return the ELF header of a file that was sent. Raises ``SluiceError`` where it is none, or of another machine."""
    try:
        found = read_elf(lambda offset, size: data[offset : offset + size], len(data))
    except NoElf as error:
        raise _odd(nginx.host, f"{file.path}: {error}") from error
    if found.machine != nginx.machine:
        raise _odd(nginx.host, f"{file.path} is for {found.machine}, and nginx for {nginx.machine}")
    return found


def fetch(
    host: str, ask: Callable[[Sequence[Sequence[object]]], Answer], kept: KeptFiles, say: Callable[[str], None]
) -> HostNginx:
    """Have all files of a host's nginx here. ``ask`` sends the host which are wanted, and returns its answer.

    One question where they are here already. Raises ``SluiceError``.
    """
    first = found = read_host_nginx(host, ask([]))
    wanted = kept.wanted(found)
    for _ in range(_MOST_ROUNDS):
        if not wanted:
            kept.use(found)
            return found
        say(f"fetching {found.words}, from {host}: {count(len(wanted), 'file')} to come")
        answer = ask(wanted)
        found = read_host_nginx(host, answer)
        if found.digest != first.digest:
            raise SluiceError(f"{_OPTION}: nginx was changed on {host} while it was fetched; run it again")
        if not kept.take(found, answer["parts"]):
            break
        wanted = kept.wanted(found)
    raise _odd(host, f"it sent nothing of {count(len(wanted), 'file')} that it named")


def _unpacked(host: str, file: HostFile, packed: str, most: int) -> bytes:
    try:
        unpack = zlib.decompressobj()
        data = unpack.decompress(base64.b64decode(packed, validate=True), most + 1)
    except (ValueError, zlib.error) as error:
        raise _odd(host, f"what it sent of {file.path} is damaged: {error}") from error
    if len(data) > most:
        raise _odd(host, f"it sent more of {file.path} than the {file.size} bytes that it named")
    if not unpack.eof or unpack.unused_data:
        raise _odd(host, f"what it sent of {file.path} is damaged: it ends early, or something follows its end")
    return data


def _odd(host: str, what: str) -> SluiceError:
    return SluiceError(
        f"{_OPTION}: the nginx of {host} cannot be staged: {what}. See to that host, or name another one there"
    )
