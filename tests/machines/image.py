"""The image that all machines start from, made once and kept below ``.sluice/cache``.

``python -m tests.machines.image`` makes its disk ahead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.machines.machine import HARDWARE, Image, Machine

__all__ = ["get_image", "install_ahead"]

_PROJECT = Path(__file__).resolve().parents[2]
_CACHE = _PROJECT / ".sluice/cache/machines"
_KEYRING, _CODENAME = "/usr/share/keyrings/debian-archive-keyring.gpg", "trixie"
_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
}


def get_image() -> Image:
    """Return the image; it is made where there is none, about four minutes. Raises ``SluiceError``."""
    with _alone() as folder:
        if not folder.is_dir():
            _make(folder)
    return _in(folder)


def install_ahead() -> None:
    """Make the disk of the image, which the image itself is made from by its first boot. Raises ``SluiceError``.

    That boot is no work for a time when others have the processors: systemd would give units up.
    """
    with _alone() as folder:
        if not folder.is_dir():
            _installed(folder)


def _in(folder: Path) -> Image:
    return Image(*(folder / name for name in ("disk.raw", "vmlinuz", "initrd", "key", "memory")))


@contextlib.contextmanager
def _alone() -> Iterator[Path]:
    """Yield the image's folder, while nobody else makes it. Raises ``SluiceError`` where a tool is missing."""
    missing = {tool: package for tool, package in _TOOLS.items() if not shutil.which(tool)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise SluiceError(
            f"machines need {', '.join(sorted(missing))}; expected: installed; run `make setup`, or "
            f"apt-get install {packages}"
        )
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        # Two test runs at once make one image.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _CACHE / _digest()


def _digest() -> str:
    """Return what the image is made of, as one name: the script, what machines have, and the emulator."""
    emulator = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
    script = Path(__file__).with_name("make_image.sh").read_bytes()
    return hashlib.sha256(b"\0".join([emulator, " ".join(HARDWARE).encode(), script])).hexdigest()[:12]


def _make(folder: Path) -> None:
    began = time.monotonic()
    making = folder.with_suffix(".new")
    _installed(folder).rename(making)
    try:
        _say(f"booting it for the first time, after {time.monotonic() - began:.0f} s")
        _boot(making)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    making.rename(folder)
    _say(f"the image is made, in {time.monotonic() - began:.0f} s")


def _installed(folder: Path) -> Path:
    """Return the folder of a disk that has not been booted yet; it is made where there is none."""
    ready, making = folder.with_suffix(".disk"), folder.with_suffix(".new")
    shutil.rmtree(making, ignore_errors=True)
    if ready.is_dir():
        return ready
    making.mkdir()
    try:
        key = making / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        _say("making Debian 13 for machines of its packages")
        script = [str(Path(__file__).with_name("make_image.sh")), str(making), f"{key}.pub", *_sources()]
        if os.geteuid():
            script = ["sudo", "-n", *script]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SluiceError(f"the image of machines could not be made: {(done.stdout + done.stderr)[-3000:]}")
        if os.geteuid():
            subprocess.run(["sudo", "-n", "chown", "-R", str(os.geteuid()), str(making)], check=True)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return making.rename(ready)


def _boot(folder: Path) -> None:
    """Boot the new disk once, under SELinux enforcing, and keep its memory: tests resume from there."""
    image = _in(folder)
    machine = Machine(image, folder / "first", disk=image.disk)
    try:
        machine.start()
        machine.wait()
        machine.finalize()
        if machine.must("cat /sys/fs/selinux/enforce") != "1":
            raise SluiceError("the machine's SELinux does not enforce; see its console in .sluice/cache")
        machine.must("systemctl is-active nginx && sync")
        machine.remember(image.memory)
    finally:
        machine.kill()
    shutil.rmtree(folder / "first")


def _sources() -> list[str]:
    """Return the lines of apt's sources: this machine's own archives, with the suites of Debian 13.

    Raises ``SluiceError`` where it has none.
    """
    own = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    command = ["apt-get", "indextargets", "--no-release-info", "--format", form, "Created-By: Packages"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    lines = []
    for uri, suite, component in (line.split("|") for line in found):
        codename, dash, pocket = suite.partition("-")
        # Archives of others than Debian are left out by their suites.
        if codename == own and pocket in ("", "updates", "security") and component == "main":
            lines.append(f"deb [signed-by={_KEYRING}] {uri} {_CODENAME}{dash}{pocket} main")
    if not lines or not Path(_KEYRING).exists():
        raise SluiceError("this machine has no apt sources of Debian; expected: those of which machines are made")
    return lines


def _say(words: str) -> None:
    sys.stderr.write(f"==> {words}\n")


if __name__ == "__main__":
    install_ahead()
