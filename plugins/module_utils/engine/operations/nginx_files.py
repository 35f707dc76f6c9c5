"""``nginx_files``: the nginx that runs here, as files: its binary, modules, libraries and loader. Changes nothing.

Nothing is executed but ``nginx -V``, which the preflight asks as well: libraries are found by what the master has
mapped and by ELF headers, since ``ldd`` would start the binary with a loader that the binary names.
"""

from __future__ import annotations

import base64
import os
import zlib
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Iterator, NamedTuple

from ..host.binary import opened_binary
from ..host.elf import Elf, NoElf, elf_of
from ..host.libraries import NAME, Libraries, mapped_files
from ..host.nginx import build, find_master
from ..safe_open import opened
from ..session import Fault, Problem, Session

if TYPE_CHECKING:
    from ..host.processes import Master
    from ..protocol import Json, NginxFilesRequest

__all__ = ["MOST_BYTES", "MOST_FILES", "nginx_files"]

MOST_FILES = 400
MOST_BYTES = 256 << 20
"""How many files are sent of one nginx, and how many bytes together."""

# Of what one answer carries, packed. An answer that is larger than 32 MiB is read by nobody.
_MOST_PART = 12 << 20
_PIECE = 4 << 20
_OS_RELEASE = "/etc/os-release"
_MOST_TEXT = 64 << 10
# What libc loads by itself when it is asked for users and names, and when a thread ends; older ones have files for it.
_BY_LIBC = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1")


class _OpenedFile(NamedTuple):
    """One file: ``kind`` is binary, loader, library or module; ``name`` is what it is looked for by."""

    kind: str
    name: str
    path: str
    elf: Elf
    descriptor: int

    def to_json(self) -> Json:
        """Return what is told of it."""
        digest, offset = sha256(), 0
        while True:
            piece = os.pread(self.descriptor, _PIECE, offset)
            if not piece:
                break
            digest.update(piece)
            offset += len(piece)
        row = {"kind": self.kind, "name": self.name, "path": self.path, "size": offset, "sha256": digest.hexdigest()}
        return row


def nginx_files(session: Session, request: NginxFilesRequest, bundle: bytes = b"") -> Json:
    """List the files of the nginx that runs, and send of those that are wanted as much as an answer holds."""
    master = find_master(session)
    built = build(session, master)
    if built is None:
        raise Fault(Problem("nginx does not say what it is", "the words of nginx -V", "none"))
    lacks: list[str] = []
    files: list[_OpenedFile] = []
    try:
        with opened_binary(session, master) as binary:
            folder = built.built.path("modules-path")
            for each in _files(session, master, binary.path, binary.descriptor, folder, lacks):
                files.append(each)
                if len(files) > MOST_FILES:
                    raise _too_much(f"more than {MOST_FILES} files", f"{MOST_FILES} files")
        rows = [each.to_json() for each in files]
        size = sum(int(row["size"]) for row in rows)
        if size > MOST_BYTES:
            raise _too_much(f"{size >> 20} MiB", f"{MOST_BYTES >> 20} MiB")
        wanted = request.get("want") or []
        return {
            "changed": False,
            "problems": [],
            "said": built.said,
            "os_release": _os_release(),
            "machine": files[0].elf.machine,
            "files": rows,
            "lacks": lacks,
            "parts": list(_parts(files, rows, wanted)),
        }
    finally:
        for each in files:
            os.close(each.descriptor)


def _files(
    session: Session, master: Master, path: str, descriptor: int, folder: str, lacks: list[str]
) -> Iterator[_OpenedFile]:
    """Yield the binary, its loader, the modules, and all libraries of these, each opened."""
    # The file that runs, where another one has its name by now.
    binary = _opened("binary", os.path.basename(path), path, lacks, os.dup(descriptor) if descriptor >= 0 else -1)
    if binary is None:
        raise Fault(Problem(f"{path} cannot be sent: {lacks[0]}", "an ELF file that root alone can change"))
    yield binary
    mapped, gone = mapped_files(session.system.proc, master.pid)
    libraries = Libraries(binary.elf, mapped)
    known = {os.path.realpath(path)}
    loader = binary.elf.loader
    if loader:
        known.add(os.path.realpath(loader))
        found = _opened("loader", os.path.basename(loader), loader, lacks)
        if found is None:
            raise Fault(Problem(f"the loader of {path} cannot be sent: {lacks[-1]}", "an ELF file"))
        yield found
    asking = [binary]
    for module in _modules(folder):
        found = _opened("module", os.path.basename(module), module, lacks)
        if found is not None:
            known.add(os.path.realpath(module))
            asking.append(found)
            yield found
    names = {name for each in asking for name in each.elf.needed}
    while asking:
        each = asking.pop(0)
        more = _BY_LIBC if each.name.startswith("libc.so") else ()
        for name in (*each.elf.needed, *more):
            found = _library(libraries, name, each, known, lacks, is_needed=name not in more)
            if found is not None:
                asking.append(found)
                yield found
    for each in _loaded_besides(mapped, known, lacks):
        yield each
    for path in gone:
        if os.path.basename(path) in names:
            lacks.append(f"{path} was replaced since nginx started, and the new one is sent; restart nginx to run it")


def _library(
    libraries: Libraries, name: str, asking: _OpenedFile, known: set[str], lacks: list[str], *, is_needed: bool
) -> _OpenedFile | None:
    path = libraries.find(name, asking.elf, os.path.dirname(os.path.realpath(asking.path)))
    if not path:
        if is_needed:
            lacks.append(f"{asking.path} needs {name}, which is not found on this host")
        return None
    real = os.path.realpath(path)
    if real in known:
        return None
    known.add(real)
    return _opened("library", os.path.basename(name), real, lacks)


def _loaded_besides(mapped: list[str], known: set[str], lacks: list[str]) -> Iterator[_OpenedFile]:
    """Yield modules that the master has loaded from other places than their folder."""
    for path in mapped:
        name = os.path.basename(path)
        is_module = name.endswith(".so") and name.startswith(("ngx_", "ndk_"))
        found = _opened("module", name, path, lacks) if is_module and os.path.realpath(path) not in known else None
        if found is not None:
            yield found


def _modules(folder: str) -> list[str]:
    try:
        found = os.path.normpath(folder)
        return [f"{found}/{name}" for name in sorted(os.listdir(found)) if name.endswith(".so")]
    except OSError:
        return []


def _opened(kind: str, name: str, path: str, lacks: list[str], descriptor: int = -1) -> _OpenedFile | None:
    """Open a file, and look whether it is what it must be; why not is added to ``lacks``."""
    try:
        if not NAME.fullmatch(name):
            raise NoElf("its name has other characters than letters, digits and . _ + -")
        if descriptor < 0:
            with opened(path) as file:
                descriptor = os.dup(file)
        return _OpenedFile(kind, name, path, elf_of(descriptor), descriptor)
    except (OSError, NoElf) as error:
        if descriptor >= 0:
            os.close(descriptor)
        lacks.append(f"{path}: {getattr(error, 'strerror', None) or error}")
        return None


def _too_much(seen: str, most: str) -> Fault:
    return Fault(
        Problem(
            "nginx has more modules and libraries on this host than are fetched",
            f"at most {most}",
            seen,
            "take modules that no configuration loads out of its folder, or name another host in staging_from_host",
        )
    )


def _parts(files: list[_OpenedFile], rows: list[Json], wanted: list[list[object]]) -> Iterator[Json]:
    """Yield pieces of the files that are wanted, each from the byte on that was named, until the answer is full."""
    by_digest = {str(row["sha256"]): (each, int(row["size"])) for each, row in zip(files, rows)}
    room = _MOST_PART
    for digest, start in ((str(row[0]), row[1]) for row in wanted if len(row) == 2):
        file, size = by_digest.get(digest) or (None, 0)
        offset = start if isinstance(start, int) else 0
        while file is not None and 0 <= offset < size:
            piece = os.pread(file.descriptor, _PIECE, offset)
            data = base64.b64encode(zlib.compress(piece, 6)).decode()
            if not piece or len(data) > room:
                return
            room -= len(data)
            yield {"sha256": digest, "offset": offset, "data": data}
            offset += len(piece)


def _os_release() -> str:
    with suppress(OSError), open(_OS_RELEASE, "rb") as file:
        return file.read(_MOST_TEXT).decode("utf-8", "replace")
    return ""
