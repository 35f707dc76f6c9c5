"""Paths of a host, without ``pathlib``: a text that knows the few of its methods that the engine uses."""

from __future__ import annotations

import os

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Path"]


class Path(str):
    """A path without empty parts and ``.``, as ``pathlib`` writes it."""

    __slots__ = ()

    def __new__(cls, *parts: str | os.PathLike[str]) -> Path:
        text = parts[0] if len(parts) == 1 else os.path.join(*parts) if parts else ""
        return str.__new__(cls, _tidy(os.fspath(text)))

    def __truediv__(self, other: str | os.PathLike[str]) -> Path:
        return Path(os.path.join(self, other))

    @property
    def name(self) -> str:
        """The last part."""
        return self.rpartition("/")[2] if self != "." else ""

    @property
    def parent(self) -> Path:
        """The path without its last part; that of ``/`` is ``/``."""
        return Path(os.path.dirname(self))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts, of which the first is ``/`` where the path is absolute."""
        root = ("/",) if self.startswith("/") else ()
        return (*root, *(part for part in self.split("/") if part not in ("", ".")))

    def is_absolute(self) -> bool:
        """Tell whether it begins at the root."""
        return self.startswith("/")

    def as_posix(self) -> str:
        """Return the plain text."""
        return str(self)

    def with_name(self, name: str) -> Path:
        """Return the path of ``name`` beside this one."""
        return self.parent / name

    def relative_to(self, other: str | os.PathLike[str]) -> Path:
        """Return the way from ``other``, which lies above, to this. Raises ``ValueError`` where it does not."""
        above, own = Path(other).parts, self.parts
        if own[: len(above)] != above:
            raise ValueError(f"{str(self)!r} is not in the subpath of {str(other)!r}")
        return Path("/".join(own[len(above) :]))

    def resolve(self) -> Path:
        """Return the absolute path without any link in it."""
        return Path(os.path.realpath(self))

    def exists(self) -> bool:
        """Tell whether there is anything, at the end of links."""
        return os.path.exists(self)

    def is_dir(self) -> bool:
        """Tell whether it is a directory, at the end of links."""
        return os.path.isdir(self)

    def is_file(self) -> bool:
        """Tell whether it is a file, at the end of links."""
        return os.path.isfile(self)

    def is_symlink(self) -> bool:
        """Tell whether it is a link."""
        return os.path.islink(self)

    def stat(self) -> os.stat_result:
        """Look at what is at the end of links. Raises ``OSError``."""
        return os.stat(self)

    def lstat(self) -> os.stat_result:
        """Look at this itself. Raises ``OSError``."""
        return os.lstat(self)

    def iterdir(self) -> Iterator[Path]:
        """List what a directory holds, in any order. Raises ``OSError``."""
        return (self / name for name in os.listdir(self))

    def read_bytes(self) -> bytes:
        """Read the whole file. Raises ``OSError``."""
        with open(self, "rb") as file:
            return file.read()

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """Read the whole file as text. Raises ``OSError`` and ``ValueError``."""
        with open(self, encoding=encoding, errors=errors) as file:
            return file.read()

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Make the directory; its parents, too, where ``parents`` says so. Raises ``OSError``."""
        try:
            os.mkdir(self, mode)
        except FileNotFoundError:
            if not parents or self.parent == self:
                raise
            self.parent.mkdir(parents=True, exist_ok=True)
            self.mkdir(mode, exist_ok=exist_ok)
        except OSError:
            if not exist_ok or not self.is_dir():
                raise

    def chmod(self, mode: int) -> None:
        """Set the mode of what is at the end of links. Raises ``OSError``."""
        os.chmod(self, mode)

    def unlink(self) -> None:
        """Remove a file or link. Raises ``OSError``."""
        os.unlink(self)

    def symlink_to(self, target: str | os.PathLike[str]) -> None:
        """Make this a link to ``target``. Raises ``OSError``."""
        os.symlink(target, self)


def _tidy(text: str) -> str:
    root = "/" if text.startswith("/") else ""
    return root + "/".join([part for part in text.split("/") if part not in ("", ".")]) or "."
