"""Which files of ``/etc/nginx`` are as a package of this host has them. One question for each package manager.

dpkg, rpm and apk write through the link into the live release: new versions of configuration files, links to modules,
and what they leave beside a file that somebody changed. That is drift of the package's, and nobody's edit.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
import subprocess
import time
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

from .host.known import FOLDERS, SERVICES
from .safe_open import read_any

if TYPE_CHECKING:
    from ..manifest import ManifestEntry, PathDifference

__all__ = ["Packages", "ask", "find_manager", "find_packages", "package_drift", "writes_links"]

_ROOT = Path("/")
_CONF = "/etc/nginx"
_OF_MODULES = "/usr/share/nginx/"
_KNOWN = tuple(f"{folder}/" for folder in FOLDERS)
# What package managers leave beside a file: the other version of it.
_LEFT_BESIDE = (
    *(".dpkg-dist", ".dpkg-old", ".dpkg-new", ".dpkg-bak", ".dpkg-tmp"),
    *(".ucf-dist", ".ucf-old", ".ucf-new", ".rpmnew", ".rpmsave", ".rpmorig", ".apk-new"),
)
# As rpm names a file until it is whole; what was killed leaves one.
_UNFINISHED = re.compile(r";[0-9a-f]{8}$")
# What rpm calls an edited file of a package that no longer has it.
_SAVED = ".rpmsave"
_MODULES = re.compile(r"modules-enabled/[^/]+\.conf")
_MOST_BYTES = 16 << 20
_MOST_STATUS = 256 << 20
_TIMEOUT = 20.0
# rpm tidies its database up when it is asked to end, and leaves locks behind when it is killed.
_LAST_SECONDS = 2.0
# No exit code: rpm's is the number of files that no package owns.
_NO_ANSWER = 1 << 16
# What apk's list keeps of a digest.
_APK_BYTES = 20
# Of one command's words.
_MOST_WORDS = 64 << 10


class Packages(NamedTuple):
    """What a package manager knows. Paths are absolute, as packages have them; ``root`` is what stands for ``/``.

    ``owner`` returns the package of a path, empty where none has it, ``is_whole`` whether what is at a place is what
    the package of a path brought; ``knows_modes`` whether that tells another mode. ``learn`` is told all paths before,
    so that they are one question, and ``fault`` returns why there was no answer.
    """

    name: str
    owner: Callable[[str], str]
    is_whole: Callable[[str, Path], bool]
    root: Path = _ROOT
    knows_modes: bool = False
    learn: Callable[[Sequence[str]], None] = lambda paths: None
    fault: Callable[[], str] = lambda: ""


def package_drift(
    differences: Iterable[PathDifference], manifest: Iterable[ManifestEntry], conf: Path, packages: Packages | None
) -> dict[str, str]:
    """Return those of the differences that a package has made, by path, with the package's name (or manager's).

    A file counts where it is now what its package brings, a file beside it where it is named as one that package
    managers leave, a link below ``modules-enabled`` where it leads, or led, to a file of a package's.
    """
    if packages is None:
        return {}
    before = {entry.path: entry for entry in manifest}
    listed = list(differences)
    tree = _Tree(conf, before)
    packages.learn([known for path, _ in listed for known in _asked_for(path, tree)])
    found = {}
    for path, what in listed:
        whose = _of_package(path, what, tree, packages)
        if whose:
            found[path] = whose
    # A folder is a package's where all that came with it is.
    for path, what in reversed(listed):
        inside = [each.path for each in listed if each.path.startswith(f"{path}/")] if what == "added" else []
        if inside and path not in found and all(each in found for each in inside):
            found[path] = found[inside[0]]
    return found


class _Tree:
    """The live tree, and by which paths packages know what is in it: of the folder that nginx is built for, where that
    is a link to ``/etc/nginx``, and of links of the release, as Angie's nginx.conf is called angie.conf.
    """

    def __init__(self, conf: Path, before: Mapping[str, ManifestEntry]) -> None:
        self.conf, self.before = conf, before
        real, root = os.path.realpath(conf), conf.parents[1]
        led_here = [each for each in FOLDERS if os.path.realpath(root / each.lstrip("/")) == real]
        self._folders = dict.fromkeys([_CONF, *led_here])
        self._links: dict[str, list[str]] = {}
        for path, entry in before.items():
            if entry.kind == "link" and not entry.value.startswith("/"):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.value))
                self._links.setdefault(target, []).append(path)

    def names(self, path: str) -> list[str]:
        """Return what packages may call a path of the tree."""
        return [f"{folder}/{name}" for folder in self._folders for name in (path, *self._links.get(path, ()))]


def _asked_for(path: str, tree: _Tree) -> list[str]:
    """Return the paths whose owner tells whose a path is."""
    if _MODULES.fullmatch(path):
        return [_module_of(tree.conf / path)]
    return [*tree.names(path), *tree.names(_origin(path))]


def _origin(path: str) -> str:
    """Return the file beside which a package manager has left one; the path itself where it is called as any other."""
    for ending in _LEFT_BESIDE:
        if path.endswith(ending):
            return path[: -len(ending)]
    return _UNFINISHED.sub("", path)


def _of_package(path: str, what: str, tree: _Tree, packages: Packages) -> str:
    place, was = tree.conf / path, tree.before.get(path)
    if _MODULES.fullmatch(path):
        return _of_module(place, what, was.value if was and was.kind == "link" else "", packages)
    if what == "removed":
        return packages.name if was and _is_saved(was, place.with_name(place.name + _SAVED)) else ""
    # nginx reads all that is in a folder of sites, whatever it is called.
    if _origin(path) != path and what == "added" and not path.startswith("sites-enabled/"):
        entry = tree.before.get(_origin(path))
        dropped = packages.name if path.endswith(_SAVED) and entry and _is_saved(entry, place) else ""
        return _owner(tree.names(_origin(path)), packages) or dropped
    whose = _owner([name for name in tree.names(path) if packages.is_whole(name, place)], packages)
    if not whose:
        return ""
    # Somebody's chmod, where packages leave modes as they are.
    is_mode_only = what == "changed" and was is not None and was.kind == "file" and was.value == _digest(place)
    return "" if is_mode_only and not packages.knows_modes else whose


def _owner(names: Iterable[str], packages: Packages) -> str:
    return next(filter(None, map(packages.owner, names)), "")


def _is_saved(was: ManifestEntry, saved: Path) -> bool:
    """Return whether a file was put aside as it was: its package no longer has it, so nobody owns either."""
    return was.kind == "file" and not saved.is_symlink() and _digest(saved) == was.value


def _digest(place: Path) -> str:
    try:
        return sha256(read_any(place, _MOST_BYTES)).hexdigest()
    except OSError:
        return ""


def _of_module(place: Path, what: str, was: str, packages: Packages) -> str:
    """A link to a module's configuration: one that came with its package, or went with it."""
    if what == "removed":
        # Who owned what it led to is forgotten with the package.
        return (
            packages.name if was.startswith(_OF_MODULES) and not os.path.exists(packages.root / was.lstrip("/")) else ""
        )
    target = _module_of(place)
    return packages.owner(target) if target else ""


def _module_of(place: Path) -> str:
    try:
        return posixpath.normpath(posixpath.join("/etc/nginx/modules-enabled", os.readlink(place)))
    except OSError:
        return ""


def find_manager(root: Path = _ROOT) -> str:
    """Return what installs packages on this host: dpkg, rpm, apk, or nothing that is known."""
    with suppress(OSError):
        # dpkg can be a package of RPM's, and its list is empty there.
        if (root / "var/lib/dpkg/status").stat().st_size:
            return "dpkg"
    return "rpm" if (root / "usr/bin/rpm").exists() else "apk" if (root / "sbin/apk").exists() else ""


def writes_links(root: Path) -> bool:
    """Return whether an upgrade may write a package's relative link over the absolute one of a release.

    dpkg's packages have absolute ones, which it leaves alone.
    """
    return find_manager(root) in ("rpm", "apk")


def find_packages(root: Path = _ROOT) -> Packages | None:
    """Return what is known of the packages of this host, with ``root`` for ``/``; None where there is no manager."""
    known = {"dpkg": _dpkg, "rpm": _rpm, "apk": _apk}
    manager = find_manager(root)
    return known[manager](root) if manager else None


def _dpkg(root: Path) -> Packages:
    """Debian's: its state of configuration files is in one file, the lists of all others in two for each package."""
    lists = root / "var/lib/dpkg/info"
    conffiles = _conffiles(root / "var/lib/dpkg")
    brought: dict[str, tuple[str, str]] = {}
    for whose, line in _listed(lists, ".md5sums"):
        digest, _, name = line.partition("  ")
        if f"/{name}".startswith((*_KNOWN, _OF_MODULES)):
            brought[f"/{name}"] = (whose, digest)
    # These say what is there, and not what it is: of what the others do not have, folders in most cases.
    others = {line: whose for whose, line in _listed(lists, ".list") if line.startswith(_KNOWN)}

    def known(path: str) -> tuple[str, str]:
        return conffiles.get(path) or brought.get(path) or (others.get(path, ""), "")

    def is_whole(path: str, place: Path) -> bool:
        whose, digest = known(path)
        if digest:
            return _is_file_of(place, digest, "md5")
        return bool(whose) and place.is_dir() and not place.is_symlink()

    return Packages("dpkg", lambda path: known(path)[0], is_whole, root)


def _conffiles(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the package and the MD5 sum of each configuration file of nginx's that dpkg knows.

    While it is at work, what it has changed of its state is in files of their own.
    """
    found: dict[str, tuple[str, str]] = {}
    package = ""
    changed = [folder / "updates" / name for name in _names(folder / "updates") if name.isdigit()]
    for line in (line for place in (folder / "status", *changed) for line in _lines(place, _MOST_STATUS)):
        if line.startswith("Package: "):
            package = line[len("Package: ") :].strip()
        elif line.startswith(" ") and line[1:].startswith(_KNOWN):
            words = line.split()
            if "obsolete" not in words[2:] and len(words) > 1:
                found[words[0]] = (package, words[1])
    return found


def _listed(folder: Path, ending: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of dpkg's lists, each with its package, of those that have to do with nginx; there are thousands
    of others.
    """
    for name in _names(folder):
        if name.endswith(ending) and any(each in name for each in SERVICES):
            whose = name[: -len(ending)].partition(":")[0]
            yield from ((whose, line.rstrip("\n")) for line in _lines(folder / name))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _lines(path: Path, most: int = _MOST_BYTES) -> list[str]:
    try:
        return read_any(path, most).decode("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return []


def ask(*command: str) -> tuple[int, str]:
    """Run a command that only reads; returns its exit code, which is no command's where there was no end to wait for,
    and what it printed.
    """
    return _ask(command, _TIMEOUT)[:2]


def _ask(command: Sequence[str], seconds: float) -> tuple[int, str, str]:
    """As ``ask``, within a time, and with what the command complains of."""
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        ) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=_LAST_SECONDS)
                process.kill()
                return _NO_ANSWER, "", ""
    except OSError as error:
        return _NO_ANSWER, "", f"error: {error.strerror}"
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


class _Brought(NamedTuple):
    """What a package of RPM's has at a path."""

    package: str
    algorithm: str
    mode: int
    digest: str
    target: str


_NO_FILE = "error: file "
_TAGS = "%{=NAME} %{=FILEDIGESTALGO} %{FILESTATES} %{FILEMODES:octal} %{FILEDIGESTS} %{FILELINKTOS} %{FILENAMES}"
_COLUMNS = 7
_ROWS = f"[{_TAGS}\n]".replace(" ", "\t")
_NORMAL = "0"
# Packages from before it was written down have MD5.
_ALGORITHMS = {"(none)": "md5", "1": "md5", "2": "sha1", "8": "sha256", "9": "sha384", "10": "sha512"}


def _rpm(root: Path) -> Packages:
    """Of RPM: two questions, whose the files are, and what these packages brought.

    ``rpm -V`` would say the same of all their files, in rows that a path can be mistaken in.
    """
    brought: dict[str, list[_Brought]] = {}
    learnt: set[str] = set()
    known: set[str] = set()
    faults: list[str] = []
    until = time.monotonic() + _TIMEOUT

    def question(form: str, by: str, words: Iterable[str]) -> Iterator[str]:
        for part in _parts(sorted(words)):
            left = until - time.monotonic()
            if faults:
                return
            command = ["rpm", by, "--qf", form, "--", *part]
            code, said, complaints = _ask(command, left) if left > 0 else (_NO_ANSWER, "", "")
            # A database that cannot be read owns nothing, it says, and its exit code is the same.
            wrong = [line for line in complaints.splitlines() if line.startswith("error: ") and line[:12] != _NO_FILE]
            if wrong or code == _NO_ANSWER:
                faults.append(wrong[-1] if wrong else f"it did not answer within {_TIMEOUT:.0f} s")
            yield from said.splitlines()

    def learn(paths: Sequence[str]) -> None:
        new = {path for path in paths if path} - learnt
        learnt.update(new)
        # Of others it says in words that no package owns them.
        owners = {line[1:] for line in question("=%{NAME}\n", "-qf", new) if line.startswith("=")} - known
        known.update(owners)
        for line in question(_ROWS, "-q", owners):
            row = line.split("\t")
            if len(row) == _COLUMNS and row[2] == _NORMAL and row[3].isdigit():
                entry = _Brought(row[0], _ALGORITHMS.get(row[1], ""), int(row[3], 8), row[4], row[5])
                brought.setdefault(row[6], []).append(entry)

    def owner(path: str) -> str:
        learn([path])
        return brought[path][0].package if path in brought else ""

    def is_whole(path: str, place: Path) -> bool:
        return any(_is_as_brought(place, each) for each in brought.get(path, ()))

    return Packages("rpm", owner, is_whole, root, True, learn, lambda: "".join(faults[:1]))


def _parts(words: Sequence[str]) -> Iterator[list[str]]:
    """Words as so many commands can take them."""
    part: list[str] = []
    size = 0
    for word in words:
        if part and size + len(word) > _MOST_WORDS:
            yield part
            part, size = [], 0
        part.append(word)
        size += len(word)
    if part:
        yield part


def _is_as_brought(place: Path, known: _Brought) -> bool:
    try:
        status = place.lstat()
        if stat.S_IFMT(status.st_mode) != stat.S_IFMT(known.mode):
            return False
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(place) == known.target
        if stat.S_IMODE(status.st_mode) != stat.S_IMODE(known.mode):
            return False
        if stat.S_ISDIR(status.st_mode):
            return True
        return _is_file_of(place, known.digest, known.algorithm)
    except OSError:
        return False


def _is_file_of(place: Path, digest: str, algorithm: str) -> bool:
    """Return whether a file, at no link's end, has the digest that a package manager wrote down."""
    try:
        # No secret and no signature. What a package only names, as a log, has no digest.
        made = "" if place.is_symlink() else hashlib.new(algorithm, read_any(place, _MOST_BYTES)).hexdigest()
    except (OSError, ValueError):
        # Where the kernel allows no MD5, nobody can tell.
        return False
    return bool(made) and made == digest


def _apk(root: Path) -> Packages:
    """Of Alpine: its list of all packages, whose lines are folders (F, M) and their files (R, a, Z)."""
    owners: dict[str, str] = {}
    modes: dict[str, int] = {}
    digests: dict[str, str] = {}
    package = folder = path = ""
    # Newer releases have /lib in /usr.
    places = [root / place for place in ("lib/apk/db/installed", "usr/lib/apk/db/installed")]
    for line in _lines(next((place for place in places if place.is_file()), places[0]), _MOST_STATUS):
        key, _, value = line.rstrip("\n").partition(":")
        if key == "P":
            package = value
        elif key == "F":
            folder = path = f"/{value}"
        elif key == "R":
            path = f"{folder}/{value}"
        if not path.startswith((*_KNOWN, _OF_MODULES)):
            continue
        if key in ("F", "R"):
            owners[path], modes[path] = package, 0o755 if key == "F" else 0o644
        elif key in ("M", "a"):
            mode = value.rpartition(":")[2]
            modes[path] = int(mode, 8) if mode.isdigit() else -1
        elif key == "Z":
            digests[path] = value

    def is_whole(path: str, place: Path) -> bool:
        return path in owners and _is_as_apk_says(place, modes[path], digests.get(path, ""))

    return Packages("apk", lambda path: owners.get(path, ""), is_whole, root, True)


def _is_as_apk_says(place: Path, mode: int, digest: str) -> bool:
    try:
        status = place.lstat()
        if stat.S_ISDIR(status.st_mode):
            return not digest and stat.S_IMODE(status.st_mode) == mode
        if stat.S_ISLNK(status.st_mode):
            data = os.fsencode(os.readlink(place))
        elif stat.S_IMODE(status.st_mode) == mode:
            data = read_any(place, _MOST_BYTES)
        else:
            return False
    except OSError:
        return False
    return any(digest == f"Q1{b64encode(made[:_APK_BYTES]).decode()}" for made in _digests_of_apk(data))


def _digests_of_apk(data: bytes) -> Iterator[bytes]:
    # Of apk 3, whose list calls it the same, and of apk 2.
    yield sha256(data).digest()
    with suppress(ValueError):
        # No signature: it is compared with what apk wrote down.
        yield hashlib.new("sha1", data).digest()
