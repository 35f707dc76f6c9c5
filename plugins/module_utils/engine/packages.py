"""Which files of ``/etc/nginx`` are as a package of this host has them. One question for each package manager.

dpkg, rpm and apk write through the link into the live release: new versions of configuration files, links to modules,
and what they leave beside a file that somebody changed. That is drift of the package's, and nobody's edit.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, NamedTuple

from .safe_open import read_any

if TYPE_CHECKING:
    from ..manifest import ManifestEntry, PathDifference

__all__ = ["Packages", "ask", "find_packages", "package_drift"]

_ROOT = Path("/")
# What package managers leave beside a file: the other version of it.
_LEFT_BESIDE = (
    *(".dpkg-dist", ".dpkg-old", ".dpkg-new", ".dpkg-bak", ".dpkg-tmp"),
    *(".ucf-dist", ".ucf-old", ".ucf-new", ".rpmnew", ".rpmsave", ".rpmorig", ".apk-new"),
)
_OF_MODULES = "/usr/share/nginx/"
_MODULES = re.compile(r"modules-enabled/[^/]+\.conf")
_MOST_BYTES = 16 << 20
_MOST_STATUS = 256 << 20
_TIMEOUT = 20.0


class Packages(NamedTuple):
    """What a package manager knows. Paths are absolute, as packages have them.

    ``owner`` returns the package of a path, empty where none has it, ``is_whole`` whether the file there is what its
    package brought.
    """

    name: str
    owner: Callable[[str], str]
    is_whole: Callable[[str], bool]
    exists: Callable[[str], bool] = os.path.exists


def package_drift(
    differences: Iterable[PathDifference], manifest: Iterable[ManifestEntry], conf: Path, packages: Packages | None
) -> dict[str, str]:
    """Return those of the differences that a package has made, by path, with the package's name (or manager's).

    A file counts where it is now what its package brings, a file beside it where it is named as one that package
    managers leave, a link below ``modules-enabled`` where it leads, or led, to a file of a package's.
    """
    if packages is None:
        return {}
    targets = {entry.path: entry.value for entry in manifest if entry.kind == "link"}
    listed = list(differences)
    found = {}
    for path, what in listed:
        whose = _of_package(path, what, targets.get(path, ""), conf, packages)
        if whose:
            found[path] = whose
    # A folder is a package's where all that came with it is.
    for path, what in reversed(listed):
        inside = [each.path for each in listed if each.path.startswith(f"{path}/")] if what == "added" else []
        if inside and path not in found and all(each in found for each in inside):
            found[path] = found[inside[0]]
    return found


def _of_package(path: str, what: str, was: str, conf: Path, packages: Packages) -> str:
    place, known = conf / path, f"/etc/nginx/{path}"
    if _MODULES.fullmatch(path):
        return _of_module(place, what, was, packages)
    for ending in _LEFT_BESIDE:
        # nginx reads all that is in a folder of sites, whatever it is called.
        if path.endswith(ending) and what == "added" and not path.startswith("sites-enabled/"):
            return packages.owner(known[: -len(ending)])
    if what == "removed" or place.is_symlink() or not place.is_file():
        return ""
    whose = packages.owner(known)
    return whose if whose and packages.is_whole(known) else ""


def _of_module(place: Path, what: str, was: str, packages: Packages) -> str:
    """A link to a module's configuration: one that came with its package, or went with it."""
    if what == "removed":
        # Who owned what it led to is forgotten with the package.
        return packages.name if was.startswith(_OF_MODULES) and not packages.exists(was) else ""
    try:
        target = os.readlink(place)
    except OSError:
        return ""
    return packages.owner(posixpath.normpath(posixpath.join("/etc/nginx/modules-enabled", target)))


def find_packages(root: Path = _ROOT) -> Packages | None:
    """Return what is known of the packages of this host, with ``root`` for ``/``; None where there is no manager."""
    if (root / "var/lib/dpkg/status").is_file():
        return _dpkg(root)
    for place, make in (("usr/bin/rpm", _rpm), ("sbin/apk", _apk)):
        if (root / place).exists():
            return make()
    return None


def _dpkg(root: Path) -> Packages:
    """Debian's: its state of configuration files is in one file, the lists of all others in one for each package."""
    conffiles: dict[str, tuple[str, str]] = {}
    package = ""
    for line in _lines(root / "var/lib/dpkg/status", _MOST_STATUS):
        if line.startswith("Package: "):
            package = line[len("Package: ") :].strip()
        elif line.startswith(" /etc/nginx/"):
            words = line.split()
            if "obsolete" not in words[2:] and len(words) > 1:
                conffiles[words[0]] = (package, words[1])
    lists = root / "var/lib/dpkg/info"
    brought: dict[str, tuple[str, str]] = {}
    for path in _named(lists, ".md5sums"):
        whose = path.name[: -len(".md5sums")].partition(":")[0]
        for line in _lines(path):
            digest, _, name = line.rstrip("\n").partition("  ")
            if name.startswith(("etc/nginx/", "usr/share/nginx/")):
                brought[f"/{name}"] = (whose, digest)

    def owner(path: str) -> str:
        return (conffiles.get(path) or brought.get(path) or ("", ""))[0]

    def is_whole(path: str) -> bool:
        known = (conffiles.get(path) or brought.get(path) or ("", ""))[1]
        try:
            # No secret and no signature: it is compared with what dpkg wrote down.
            return bool(known) and md5(read_any(root / path.lstrip("/"), _MOST_BYTES)).hexdigest() == known
        except (OSError, ValueError):
            # Where the kernel allows no MD5, nobody can tell.
            return False

    def exists(path: str) -> bool:
        return os.path.exists(root / path.lstrip("/"))

    return Packages("dpkg", owner, is_whole, exists)


def _named(folder: Path, ending: str) -> list[Path]:
    """The lists of packages that have to do with nginx; there are thousands of others."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(ending) and ("nginx" in name or "angie" in name)]


def _lines(path: Path, most: int = _MOST_BYTES) -> list[str]:
    try:
        return read_any(path, most).decode("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return []


def ask(*command: str) -> tuple[int, str]:
    """Run a command that only reads; returns its exit code and what it printed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return 127, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _rpm() -> Packages:
    """Of RPM: ``-V`` lists what differs, so a file of a package that is not listed is whole."""
    owners: dict[str, str] = {}
    changed: dict[str, set[str]] = {}

    def owner(path: str) -> str:
        if path not in owners:
            code, said = ask("rpm", "-qf", "--qf", "%{NAME}\n", path)
            owners[path] = said.splitlines()[0].strip() if code == 0 and said.strip() else ""
        return owners[path]

    def is_whole(path: str) -> bool:
        name = owner(path)
        if name and name not in changed:
            code, said = ask("rpm", "-V", "--nodeps", "--noscripts", name)
            rows = [line.split(None, 1) for line in said.splitlines()] if code != 127 else []
            changed[name] = {row[1].split()[-1] for row in rows if len(row) == 2 and set("5?m") & set(row[0])}
            changed[name] |= {path} if code == 127 else set()
        return bool(name) and path not in changed[name]

    return Packages("rpm", owner, is_whole)


def _apk() -> Packages:
    """Of Alpine: ``audit`` lists what differs from its package."""
    owners: dict[str, str] = {}
    changed: set[str] | None = None

    def owner(path: str) -> str:
        if path not in owners:
            code, said = ask("apk", "info", "--who-owns", "--quiet", path)
            owners[path] = said.strip().splitlines()[0] if code == 0 and said.strip() else ""
        return owners[path]

    def is_whole(path: str) -> bool:
        nonlocal changed
        if changed is None:
            code, said = ask("apk", "audit", "--recursive", "/etc/nginx")
            rows = [line.split(None, 1) for line in said.splitlines()] if code == 0 else []
            changed = {"/" + row[1].strip().lstrip("/") for row in rows if len(row) == 2} | ({path} if code else set())
        return bool(owner(path)) and path not in changed

    return Packages("apk", owner, is_whole)
