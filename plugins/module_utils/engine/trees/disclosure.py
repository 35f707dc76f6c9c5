"""What of a tree may leave its host. All that sends contents asks here: the live tree that is fetched, drift, texts.

A file stays that is secret on any of the sides which are compared: by what is in it, by the directive that names it,
by its name, because it holds what a secret file holds, or because fewer may read it than the configuration. It is
*changed, and not shown*. Of all others, each line leaves without the values in it that are secret.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, NamedTuple

from ...secrets import NOT_SHOWN, closed_paths, redact_line, redactions, secret_paths, secret_rows

if TYPE_CHECKING:
    from ..protocol import Json
    from ..session import Session

__all__ = [
    "MOST_BYTES",
    "DisclosedTree",
    "compare_texts",
    "differences",
    "read_pristine",
    "read_side",
    "secrets_in",
    "shown_text",
    "unpack_side",
]

MOST_BYTES = 16 << 20
"""Of the files of a tree together."""
MAIN = "nginx.conf"
_MOST_TEXT = 256 << 10


class DisclosedTree(NamedTuple):
    """A tree: its files, the targets of its links, and the permissions of files and of folders (``conf.d/``)."""

    files: dict[str, bytes]
    links: dict[str, str]
    modes: dict[str, int]


def read_side(tree: str | os.PathLike[str], most: int | None = None) -> DisclosedTree | None:
    """Read a tree; None where its files have more bytes than ``most`` (16 MiB). Raises ``OSError``."""
    side = DisclosedTree({}, {}, {})
    left = MOST_BYTES if most is None else most
    for folder, folders, names in os.walk(tree):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            where = os.path.relpath(path, tree)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                side.links[where] = os.readlink(path)
            elif stat.S_ISDIR(status.st_mode):
                side.modes[f"{where}/"] = stat.S_IMODE(status.st_mode)
            elif stat.S_ISREG(status.st_mode):
                left -= status.st_size
                if left < 0:
                    return None
                side.files[where] = _read(path, status.st_size)
                side.modes[where] = stat.S_IMODE(status.st_mode)
    return side


def _read(path: str, size: int) -> bytes:
    # Somebody may have put a link, a pipe or a large file there meanwhile.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(size)


def unpack_side(bundle: bytes) -> DisclosedTree:
    """Read a tree from its pristine copy, a tar.gz; it is empty where that is damaged."""
    import io
    import tarfile

    side = DisclosedTree({}, {}, {})
    try:
        with tarfile.open(fileobj=io.BytesIO(bundle), mode="r:gz") as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if member.isreg():
                    content = archive.extractfile(member)
                    side.files[name] = content.read() if content else b""
                    side.modes[name] = member.mode
                elif member.issym():
                    side.links[name] = member.linkname
                elif member.isdir():
                    side.modes[f"{name}/"] = member.mode
    except (tarfile.TarError, EOFError, OSError):
        return DisclosedTree({}, {}, {})
    return side


def read_pristine(session: Session, state: Json) -> DisclosedTree:
    """Read the live release as it was deployed; it is empty where there is none."""
    if not state["live"]:
        return DisclosedTree({}, {}, {})
    try:
        return unpack_side(session.layout.bundle(state["live"]).read_bytes())
    except OSError:
        return DisclosedTree({}, {}, {})


def secrets_in(conf: str | Path, *sides: DisclosedTree, shown: bool = True) -> set[str]:
    """Return the paths whose content stays: those that are secret on any side. nginx reads the trees at ``conf``.

    What is ``shown`` to people is also held to who may read most files; the controller needs ``nginx.conf`` all the
    same.
    """
    found: set[str] = set()
    for side in sides:
        found |= secret_paths(side.files, str(conf), side.links)
        found |= closed_paths(side.modes, like=MAIN if MAIN in side.modes else None)
        if shown:
            found |= closed_paths(side.modes)
            # Where they stand by themselves, nothing says of their lines what they are.
            found |= secret_rows(side.files, str(conf), side.links)
    # A copy of what is secret is so, too, whatever it is called.
    known = {side.files[path] for side in sides for path in found & side.files.keys() if side.files[path].strip()}
    return found | {path for side in sides for path, data in side.files.items() if data in known}


def shown_text(data: bytes) -> str | None:
    """Return the text of a file as it may be shown; None for what is no text, or too large."""
    if b"\0" in data or len(data) > _MOST_TEXT:
        return None
    text = data.decode("utf-8", "replace")
    known = redactions(text)
    return "".join(_shown(line, known) for line in text.splitlines(keepends=True)) if known else text


def _shown(line: str, known: dict[str, str]) -> str:
    bare = line.rstrip("\r\n")
    return known.get(bare, bare) + line[len(bare) :]


def differences(
    before: DisclosedTree, after: DisclosedTree, conf: str | Path, paths: Iterable[str], names: tuple[str, str]
) -> list[str]:
    """Return the lines of a unified diff of these paths. ``names`` are those of the two sides."""
    secret = secrets_in(conf, before, after)
    lines: list[str] = []
    for path in paths:
        told = _difference(before, after, path, path in secret)
        if told:
            lines += [f"--- {names[0]}/{path}", f"+++ {names[1]}/{path}", *told]
    return lines


def _difference(before: DisclosedTree, after: DisclosedTree, path: str, secret: bool) -> list[str]:
    old, new = before.files.get(path), after.files.get(path)
    lines = _modes(before, after, path)
    if old == new:
        return lines
    if secret:
        return [*lines, f"({_change(old, new)}{NOT_SHOWN})"]
    return lines + compare_texts(old or b"", new or b"", _change(old, new))


def _modes(before: DisclosedTree, after: DisclosedTree, path: str) -> list[str]:
    for name in (path, f"{path}/"):
        old, new = before.modes.get(name), after.modes.get(name)
        if old is not None and new is not None and old != new:
            return [f"(the mode was {old:04o} and is {new:04o})"]
    return []


def _change(old: bytes | None, new: bytes | None) -> str:
    return "added" if old is None else "removed" if new is None else "changed"


def compare_texts(old: bytes, new: bytes, change: str) -> list[str]:
    """Return the lines of the diff of two contents, without heads; ``change`` says what happened where none is shown.

    The true lines are compared, so a line is there also where only what is redacted in it has changed.
    """
    if b"\0" in old or b"\0" in new:
        return [f"({change}; it is no text)"]
    if max(len(old), len(new)) > _MOST_TEXT:
        return [f"({change}; it is too large to be compared)"]
    import difflib

    before, after = old.decode("utf-8", "replace"), new.decode("utf-8", "replace")
    known = {**redactions(before), **redactions(after)}
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
    return [
        line if line.startswith("@@") else line[:1] + known.get(line[1:], redact_line(line[1:])) for line in found
    ] or [f"({change}: only the end of a line differs)"]
