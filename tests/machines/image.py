"""The images that machines start from, made once and kept below ``.sluice/cache``.

All start from one disk. Those with AppArmor, and those that upgrade themselves, have a layer over it, and a memory of
their own.

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
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.machines.machine import APPARMOR, HARDWARE, SELINUX, Image, Machine, lay_over

__all__ = ["ARCHIVES", "MAKE_ARCHIVES", "get_apparmor_image", "get_image", "get_upgrading_image", "install_ahead"]

_PROJECT = Path(__file__).resolve().parents[2]
_CACHE = _PROJECT / ".sluice/cache/machines"
MAKE_ARCHIVES = Path(__file__).with_name("make_archives.py")
"""Makes archives with newer versions of the nginx of whatever it runs on."""

_KEYRING, _CODENAME = "/usr/share/keyrings/debian-archive-keyring.gpg", "trixie"
# Debian's own profiles confine nothing that is here, and an emulator is long at compiling them.
_INSTALL = """set -e
dpkg --unpack /tmp/*.deb
find /etc/apparmor.d -maxdepth 1 -type f -delete
dpkg --configure -a
rm /tmp/*.deb
"""
# What unattended-upgrades may take, from either of the archives; each has a newer nginx. What a host of Debian's asks
# of a mirror is asked of a folder here.
ARCHIVES = "/srv/archives"
"""Where a machine that upgrades itself has archives: ``new`` has new versions of files that nobody edits, ``newer`` a
new nginx.conf as well.
"""
_UPGRADING = f"""set -e
DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/*.deb
rm /tmp/*.deb
cat >/etc/apt/apt.conf.d/99machine <<'END'
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern {{ "origin=Archive"; }};
END
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
python3 /tmp/make_archives.py {ARCHIVES}
rm /tmp/make_archives.py
echo 'deb [trusted=yes] file:{ARCHIVES}/new ./' >/etc/apt/sources.list.d/machine.list
apt-get -q update
"""
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


def get_apparmor_image() -> Image:
    """Return the image whose kernel has AppArmor: a layer over the other one's disk. Raises ``SluiceError``.

    It is made where there is none, in the time of a boot.
    """
    return _layer("apparmor", APPARMOR, _INSTALL, _install_apparmor)


def get_upgrading_image() -> Image:
    """Return the image of hosts that upgrade themselves, under SELinux: unattended-upgrades, and archives with a newer
    nginx. A layer as well. Raises ``SluiceError``.
    """
    return _layer("upgrading", SELINUX, _UPGRADING + MAKE_ARCHIVES.read_text(encoding="utf-8"), _install_upgrades)


def _layer(name: str, security: str, recipe: str, install: Callable[[Machine, Path], None]) -> Image:
    base = get_image()
    with _alone() as under:
        made = hashlib.sha256("\0".join([security, recipe]).encode()).hexdigest()[:6]
        # In the folder of the disk, which it is of no use without.
        folder = under / f"{name}-{made}"
        image = base._replace(disk=folder / "disk.qcow2", memory=folder / "memory", security=security)
        if not folder.is_dir():
            _make_layer(base, image, folder, install)
    return image


def install_ahead() -> None:
    """Make the disk of the image, which the image itself is made from by its first boot. Raises ``SluiceError``.

    That boot is no work for a time when others have the processors: systemd would give units up.
    """
    with _alone() as folder:
        if not folder.is_dir():
            _installed(folder)


def _in(folder: Path) -> Image:
    disk, kernel, initrd, key, memory = (folder / name for name in ("disk.raw", "vmlinuz", "initrd", "key", "memory"))
    return Image(disk, kernel, initrd, key, memory)


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


def _make_layer(base: Image, image: Image, folder: Path, install: Callable[[Machine, Path], None]) -> None:
    """Boot the disk and install there what it lacks: the machine itself reaches no archive."""
    began = time.monotonic()
    making = folder.with_suffix(".new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        disk, memory = making / image.disk.name, making / image.memory.name
        # By a relative name, so that the cache may be moved.
        lay_over(disk, base.disk, Path("..", base.disk.name))
        _say(f"booting it for {folder.name}")
        machine = Machine(image, making / "first", disk=disk)
        try:
            machine.start()
            machine.wait()
            machine.finalize()
            install(machine, making / "apt")
            machine.must("systemctl is-active nginx && sync")
            machine.remember(memory)
        finally:
            machine.kill()
        for each in ("apt", "first"):
            shutil.rmtree(making / each)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    making.rename(folder)
    _say(f"the layer {folder.name} is made, in {time.monotonic() - began:.0f} s")


def _install_apparmor(machine: Machine, folder: Path) -> None:
    _bring_packages(machine, folder, "apparmor")
    machine.must(_INSTALL, timeout=600)
    if machine.must("cat /sys/module/apparmor/parameters/enabled") != "Y":
        raise SluiceError("the machine's kernel has no AppArmor; see its console in .sluice/cache")


def _install_upgrades(machine: Machine, folder: Path) -> None:
    _bring_packages(machine, folder, "unattended-upgrades")
    machine.write("/tmp/make_archives.py", MAKE_ARCHIVES.read_text(encoding="utf-8"))
    machine.must(_UPGRADING, timeout=1200)


def _bring_packages(machine: Machine, folder: Path, package: str) -> None:
    """Put a package of Debian 13 below /tmp of a machine, with what that lacks of what it needs. Raises
    ``SluiceError``.
    """
    for each in ("lists/partial", "archives/partial"):
        (folder / each).mkdir(parents=True)
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in _sources()))
    (folder / "status").write_text(machine.must("cat /var/lib/dpkg/status"))
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::State::extended_states": folder / "extended",
        "Dir::Cache": folder,
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for command in (["update"], ["install", "--yes", "--download-only", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "-q", *options, *command], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SluiceError(f"the package {package} could not be had: {(done.stdout + done.stderr)[-2000:]}")
    for path in (folder / "archives").glob("*.deb"):
        machine.must(f"cat >/tmp/{path.name}", path.read_bytes())


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
    # One archive is named once for each architecture.
    return list(dict.fromkeys(lines))


def _say(words: str) -> None:
    sys.stderr.write(f"==> {words}\n")


if __name__ == "__main__":
    install_ahead()
