"""What rules know of the environment of a configuration."""

from __future__ import annotations

import contextlib
import functools
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ..config.parse import CONF_ROOT, Config
from ..config.text import unescaped
from ..errors import SluiceError
from ..release.modes import secret_files
from ..release.tree import read_layer
from ..tree_reader import LeavesTree, find_inside, read_inside

__all__ = ["LintContext", "read_certificates", "read_extensions", "read_secrets"]


_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class LintContext:
    """``extensions`` are those of the files in each document root that is known; empty when none is.

    ``live`` is the configuration that serves now, None for a first release. ``certificates`` are the bytes of the
    certificates and keys that could be read here, by the paths that the configuration gives them. One that is valid for
    less than ``certificate_days`` after ``now`` is too old. ``brings`` are the absolute paths of the release's files,
    and ``secrets`` those of its files that are secret, and why. ``tree`` is the folder of the release. ``nginx`` is the
    oldest version that is going to read it, as ``1.22.1``; empty where that is not known.
    """

    extensions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    live: Config | None = None
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    certificate_days: int = 14
    brings: frozenset[str] = frozenset()
    now: datetime = field(default_factory=_now)
    secrets: Mapping[str, str] = field(default_factory=dict)
    tree: Path | None = None
    nginx: str = ""

    @property
    def version(self) -> tuple[int, ...]:
        """The version of nginx as three numbers; none where it is not known."""
        match = _VERSION.match(self.nginx)
        return tuple(map(int, match.groups())) if match else ()

    def real(self, name: str) -> str:
        """Return the path on a host that a name leads to, by what is known of its links: those of the release, and
        ``/var/run``. A variable in it is a name like others.
        """
        path = posixpath.normpath(posixpath.join(CONF_ROOT, unescaped(name))).replace("//", "/")
        if self.tree and path.startswith(f"{CONF_ROOT}/"):
            try:
                path = posixpath.join(CONF_ROOT, find_inside(self.tree, path.removeprefix(f"{CONF_ROOT}/")))
            except LeavesTree as leaves:
                path = leaves.target
            except (SluiceError, OSError):
                # It begins with a link, maybe.
                path = posixpath.join(self._real_folder(path), posixpath.basename(path))
        for link, target in (("/var/run", "/run"), ("/var/lock", "/run/lock")):
            if path == link or path.startswith(f"{link}/"):
                return target + path.removeprefix(link)
        return path

    def _real_folder(self, path: str) -> str:
        folder = posixpath.dirname(path)
        return self.real(folder) if folder != CONF_ROOT else folder

    def links_below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield the links of the release that are reached from a folder, and what they lead to on a host."""
        waiting, seen = [self.real(folder)], set[str]()
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            for path, target in self._links:
                if path.startswith(f"{here.rstrip('/')}/"):
                    yield path, target
                    waiting.append(target)

    @functools.cached_property
    def _links(self) -> list[tuple[str, str]]:
        tree = self.tree
        if tree is None:
            return []
        paths = sorted(path for path in self.brings if (tree / posixpath.relpath(path, CONF_ROOT)).is_symlink())
        return [(path, self.real(path)) for path in paths]

    def extensions_below(self, root: str) -> frozenset[str]:
        """Return the extensions of files below ``root``; empty when nothing is known of it."""
        below = [
            found
            for known, found in self.extensions.items()
            if PurePosixPath(root).is_relative_to(known) or PurePosixPath(known).is_relative_to(root)
        ]
        return frozenset().union(*below)


def read_extensions(docroots: Mapping[str, Path]) -> dict[str, frozenset[str]]:
    """Return the extensions of the files that the user maps to document roots (path on the host to folder here)."""
    return {where: frozenset(_extensions(folder)) for where, folder in docroots.items()}


def _extensions(folder: Path) -> Iterable[str]:
    return (path.suffix[1:].lower() for path in folder.rglob("*") if path.suffix and path.is_file())


def read_secrets(tree: Path) -> dict[str, str]:
    """Return which files of a release are secret, and why. No link is followed out of it."""
    return secret_files(read_layer(tree, ""))


def read_certificates(config: Config, tree: Path, docroots: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the certificates and keys that the configuration names, where the tree or a mapped folder has them."""
    folders = {CONF_ROOT: tree, **docroots}
    named = [
        directive.args[0] for directive in config.named("ssl_certificate", "ssl_certificate_key") if directive.args
    ]
    found = {}
    for path in dict.fromkeys(named):
        for where, folder in folders.items():
            inside = PurePosixPath(CONF_ROOT, path)
            if inside.is_relative_to(where) and ".." not in inside.parts:
                # What is not in the folder, or is a link out of it, is nothing that can be looked at here.
                with contextlib.suppress(SluiceError, OSError):
                    found[path] = read_inside(folder, inside.relative_to(where).as_posix())
    return found
