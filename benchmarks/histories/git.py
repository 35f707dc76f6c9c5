"""Read-only questions to a git repository, bare or not."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["Git"]


class Git:
    """A repository. Its questions raise ``SluiceError`` where git fails."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    def run(self, *arguments: str) -> bytes:
        """Return what a git command prints."""
        done = self._try(*arguments)
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise SluiceError(f"{self._repository}: git {arguments[0]} failed: {words}")
        return done.stdout

    def contains(self, commit: str, earlier: str) -> bool:
        """Return whether a commit is another one or comes after it."""
        return self._try("merge-base", "--is-ancestor", earlier, commit).returncode == 0

    def files(self, commit: str, path: str) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Yield the plain files below a path (the file itself is ``.``) as they were at a commit, if there were any."""
        name = f"{commit}:{'' if path == '.' else path}"
        kind = self._try("cat-file", "-t", name).stdout.strip()
        if kind == b"blob":
            yield PurePosixPath(), self.run("cat-file", "blob", name)
        elif kind == b"tree":
            with tarfile.open(fileobj=BytesIO(self.run("archive", "--format=tar", name))) as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isfile() else None
                    if content:
                        yield PurePosixPath(member.name), content.read()

    def extract(self, commit: str, folder: str, target: Path) -> bool:
        """Write a folder as it was at a commit; whether there was one."""
        name = f"{commit}:{'' if folder == '.' else folder}"
        if self._try("cat-file", "-t", name).stdout.strip() != b"tree":
            return False
        target.mkdir(parents=True)
        with tarfile.open(fileobj=BytesIO(self.run("archive", "--format=tar", name))) as archive:
            for member in archive:
                _write(archive, member, target)
        return True

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", "-C", str(self._repository), *arguments], capture_output=True, check=False, timeout=300
            )
        except OSError as error:
            raise SluiceError(f"git cannot be run in {self._repository}: {error.strerror}") from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write one member, and nothing outside of ``target``."""
    where = target / PurePosixPath(member.name)
    if ".." in where.parts:
        return
    if member.isdir():
        where.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(member.linkname)
    elif member.isfile():
        content = archive.extractfile(member)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content.read() if content else b"")
