"""``accepted.yml`` on disk: read as a file of others, written whole, by one at a time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from ..errors import SluiceError
from ..storage import alone, write_text
from .model import AcceptedChange
from .text import MOST_BYTES, appended, read_text, without

__all__ = ["NAME", "AcceptedFile", "FileEdit"]

NAME = "accepted.yml"
_MODE = 0o644


class FileEdit(NamedTuple):
    """The text of the file before and after."""

    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Return whether they differ."""
        return self.before != self.after


class AcceptedFile:
    """The file at ``path``, which people know as ``shown``."""

    def __init__(self, path: Path, shown: str) -> None:
        self.path, self.shown = path, shown

    def read(self) -> tuple[AcceptedChange, ...]:
        """Return its entries; none where there is no file. Raises ``SluiceError``."""
        return tuple(entry.change for entry in read_text(self._text(), self.shown))

    def add(self, changes: Sequence[AcceptedChange], *, write: bool = True) -> FileEdit:
        """Add entries. Without ``write`` it is only worked out. Raises ``SluiceError``."""
        return self._edit(lambda text: appended(text, changes, self.shown), write=write)

    def remove(self, spent: Set[str], *, write: bool = True) -> FileEdit:
        """Remove the entries all of whose candidates are ``spent``. Raises ``SluiceError``."""
        return self._edit(lambda text: without(text, spent, self.shown), write=write)

    def _edit(self, change: Callable[[str], str], *, write: bool) -> FileEdit:
        if not write:
            text = self._text()
            return FileEdit(text, change(text))
        try:
            # The folder is locked: the file is another one after each change.
            with alone(self.path.parent):
                text = self._text()
                edit = FileEdit(text, change(text))
                if edit.changed:
                    write_text(self.path, edit.after, sync=True, mode=self._mode())
                return edit
        except OSError as error:
            raise SluiceError(
                f"{self.shown} cannot be written: {error.strerror}; give this user the folder {self.path.parent}, or "
                "name another file by gates_accepted_file"
            ) from error

    def _mode(self) -> int:
        """Return the mode of the file; what git checks out is readable for others, and so is a new one."""
        try:
            return stat.S_IMODE(self.path.lstat().st_mode)
        except FileNotFoundError:
            return _MODE

    def _text(self) -> str:
        """Return its text, empty where there is none. Links are not followed: they could lead to what is secret."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise SluiceError(f"{self.shown} is a link; expected a file: put it there itself") from error
            raise SluiceError(f"{self.shown} cannot be read: {error.strerror}; give this user the file") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise SluiceError(f"{self.shown} is no file; expected one that sluice.nginx.accept writes")
        with open(handle, "rb") as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise SluiceError(f"{self.shown} has more than {MOST_BYTES:,} bytes; delete what is spent")
        try:
            return data.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise SluiceError(f"{self.shown} is no text in UTF-8: {error.reason} at byte {error.start}") from error
