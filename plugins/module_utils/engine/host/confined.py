"""What confines nginx on this host beside its user: SELinux or AppArmor, and whether that only complains."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

__all__ = ["APPARMOR", "confined_by", "may_read", "profile_of"]

APPARMOR = Path("/sys/kernel/security/apparmor")

_ENFORCE = Path("/sys/fs/selinux/enforce")
_MODES = {"enforce": "enforcing", "complain": "complaining"}
# Of a query and its answer: files, among what a profile rules, and reading, among what may be done to one.
_FILES, _READ = b"\2", 4
# How patterns of AppArmor's differ from paths.
_PATTERN = frozenset("*?[{@")
_END_SECONDS = 5.0
_ANSWER = re.compile(r"^allow 0x([0-9a-f]+)$", re.MULTILINE)


def confined_by(proc: Path, pid: int, enforce: Path = _ENFORCE) -> str:
    """Return ``SELinux, enforcing``, ``AppArmor, complaining`` and the like of a process; empty where nothing does."""
    with suppress(OSError):
        return f"SELinux, {'enforcing' if enforce.read_text().strip() == '1' else 'permissive'}"
    mode = _current(proc, pid)[1]
    return f"AppArmor, {_MODES[mode]}" if mode in _MODES else ""


def profile_of(proc: Path, pid: int, binary: str, apparmor: Path = APPARMOR) -> str:
    """Return the profile of AppArmor that is enforced for a process, or that its binary's next start will be under;
    empty where there is none, or nobody can know.
    """
    name, mode = _current(proc, pid)
    if mode:
        return name if mode == "enforce" else ""
    # It was loaded after the process had started.
    is_unknown = False
    with suppress(OSError):
        for profile in sorted((apparmor / "policy/profiles").iterdir()):
            with suppress(OSError):
                loaded, attach = _word(profile / "name"), _word(profile / "attach")
                if _word(profile / "mode") != "enforce":
                    continue
                if binary in (loaded, attach):
                    return loaded
                # Not every kernel says which binary a profile is for that has a name of its own, and of a pattern
                # nobody but the kernel knows what it fits.
                is_unknown |= not loaded.startswith("/") or not _PATTERN.isdisjoint(loaded)
    return _profile_of_start(proc, binary) if is_unknown else ""


def _profile_of_start(proc: Path, binary: str) -> str:
    """Start a binary that says its version, look at the profile that it is under, and let it end.

    It says that to a pipe that is full, so it waits until it was looked at.
    """
    # Here, as few hosts have a profile that has to be tried.
    import subprocess

    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        os.set_blocking(writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        # Once it returns, the binary has the place of what started it.
        process = subprocess.Popen(
            [binary, "-v"], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, close_fds=True
        )
        name, mode = _current(proc, process.pid)
    except OSError:
        return ""
    finally:
        os.close(reader)
        os.close(writer)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return name if mode == "enforce" else ""


def may_read(profile: str, path: str, apparmor: Path = APPARMOR) -> bool | None:
    """Return whether a profile lets a process of root's read a file at a real path; nothing where the kernel does not
    say.
    """
    allowed = None
    with suppress(OSError):
        query = b"\0".join([b"label", os.fsencode(profile), _FILES + os.fsencode(path)])
        allowed = _ANSWER.search(_said(apparmor / ".access", query))
    return bool(int(allowed.group(1), 16) & _READ) if allowed else None


def _said(place: Path, query: bytes) -> str:
    """Return the kernel's answer, which is read from the open file that the query was written to."""
    descriptor = os.open(place, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(descriptor, query)
        return os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)


def _current(proc: Path, pid: int) -> tuple[str, str]:
    """Return the profile of a process and its mode; both are empty for one that nothing confines, and for SELinux."""
    with suppress(OSError):
        # As "nginx (enforce)", or "unconfined".
        name, bracket, mode = _word(proc / str(pid) / "attr/current").rpartition(" (")
        if bracket:
            return name, mode.rstrip(")")
    return "", ""


def _word(path: Path) -> str:
    return path.read_bytes().decode(errors="surrogateescape").strip("\0\n ")
