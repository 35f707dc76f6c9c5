"""A virtual machine in QEMU: started, reached by SSH at a forwarded port of loopback, killed by its process id."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["APPARMOR", "BOOT_SECONDS", "HARDWARE", "SELINUX", "Image", "Machine", "Said", "lay_over"]

BOOT_SECONDS = 900.0
"""How long a cold boot may take in an emulator on a busy machine."""

HARDWARE = ("-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand", "-m", "1024", "-smp", "2", "-display", "none")
"""What a machine has: a plain processor, since what newer ones can do costs an emulator a third more.

The memory that is kept of one fits no other.
"""

SELINUX = "security=selinux selinux=1 enforcing=1"
APPARMOR = "security=apparmor apparmor=1 selinux=0"
"""What the kernel is told, for either."""

_RESUME_SECONDS = 300.0
_KERNEL = "root=/dev/vda rw console=ttyS0 rootfstype=ext4 mitigations=off net.ifnames=0 panic=-1"


class Image(NamedTuple):
    """What machines start from: a disk, the kernel that boots it, who may log in, and the memory of one that is up.

    ``security`` is what the kernel is told of SELinux and AppArmor.
    """

    disk: Path
    kernel: Path
    initrd: Path
    key: Path
    memory: Path
    security: str = SELINUX


class Said(NamedTuple):
    """How a command on a machine ended."""

    code: int
    output: str


class Machine:
    """One machine in ``folder``. ``drive`` is a URL of NBD instead of an overlay over the image's disk."""

    def __init__(self, image: Image, folder: Path, *, drive: str = "", disk: Path | None = None) -> None:
        self.image = image
        self.folder = folder
        self.port, self.web = _free_port(), _free_port()
        self._drive = drive
        self._disk = disk
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    # What happens to it.

    def start(self, *, resume: bool = False, selinux: bool = True) -> None:
        """Start it: from power-off, or where the image's machine stood when it had booted. It is not waited for."""
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None:
            raise SluiceError("qemu-system-x86_64 is not installed; run `make setup`, or install qemu-system-x86")
        forward = f"hostfwd=tcp:127.0.0.1:{self.port}-:22,hostfwd=tcp:127.0.0.1:{self.web}-:80"
        security = self.image.security if selinux else "selinux=0"
        argv = ["nice", "-n", "5", "setpriv", "--pdeathsig", "KILL", "--", qemu, "-no-user-config", "-nodefaults"]
        argv += HARDWARE
        argv += ["-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)]
        argv += ["-append", f"{_KERNEL} {security}", "-drive", self._drive_option()]
        # Nothing of the guest reaches any network: only the two ports lead in.
        argv += ["-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net"]
        argv += ["-device", "virtio-rng-pci", "-serial", f"file:{self.folder / 'console.log'}"]
        argv += ["-qmp", f"unix:{self._control},server=on,wait=off"]
        if resume:
            argv += ["-incoming", f"exec:cat {shlex.quote(str(self.image.memory))}"]
        with (self.folder / "qemu.log").open("ab") as log:
            # A session of its own is a share of the processors of its own, where the kernel groups them by sessions.
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if resume:
            self._go_on()

    def _go_on(self) -> None:
        """Let it go on as soon as its memory is there: it was stopped when that was written."""
        until = time.monotonic() + _RESUME_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError), self._monitor() as ask:
                while ask("query-status")["status"] == "inmigrate":
                    time.sleep(0.1)
                ask("cont")
                return
            time.sleep(0.1)
        raise SluiceError(f"the emulator did not take the memory of the image: {_tail(self.folder / 'qemu.log')}")

    def _drive_option(self) -> str:
        if self._drive:
            return f"file={self._drive},format=raw,if=virtio,cache=writeback"
        if self._disk is not None:
            return f"file={self._disk},format={_form(self._disk)},if=virtio,cache=unsafe"
        overlay = self.folder / "disk.qcow2"
        if not overlay.exists():
            lay_over(overlay, self.image.disk, self.image.disk)
        return f"file={overlay},format=qcow2,if=virtio,cache=unsafe"

    def wait(self, seconds: float = BOOT_SECONDS) -> float:
        """Wait until it lets somebody log in, and return how long that took. Raises ``SluiceError``."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self._process is None or self._process.poll() is not None:
                raise SluiceError(f"the emulator has ended: {_tail(self.folder / 'qemu.log')}")
            if _speaks(self.port) and self.run("true", timeout=60).code == 0:
                return time.monotonic() - began
            time.sleep(0.3)
        console = _tail(self.folder / "console.log")
        raise SluiceError(f"the machine did not answer in {seconds:g} s; its console: {console}")

    def finalize(self) -> None:
        """Wait until systemd has started all that belongs to a boot."""
        self.run("systemctl is-system-running --wait", timeout=BOOT_SECONDS)

    def restart(self) -> None:
        """Let it boot again as a person would, and wait until it is up."""
        before = self.run("cat /proc/sys/kernel/random/boot_id").output
        self.run("systemctl reboot --no-block", timeout=60)
        until = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < until:
            self.forget()
            if _speaks(self.port):
                now = self.run("cat /proc/sys/kernel/random/boot_id", timeout=60)
                if now.code == 0 and now.output != before:
                    return
            time.sleep(0.5)
        raise SluiceError(f"the machine did not come up again: {_tail(self.folder / 'console.log')}")

    def kill(self) -> None:
        """End the emulator at once, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.forget()

    def remember(self, memory: Path) -> None:
        """Write its memory to a file and end it: its disk and that file resume it where it stands."""
        with self._monitor() as ask:
            ask("stop")
            ask("migrate", uri=f"exec:cat >{shlex.quote(str(memory))}")
            while True:
                status = ask("query-migrate").get("status")
                if status in ("completed", "failed"):
                    break
                time.sleep(0.2)
            if status != "completed":
                raise SluiceError(f"the emulator could not write its memory: {_tail(self.folder / 'qemu.log')}")
            ask("quit")
        if self._process is not None:
            self._process.wait(30)
            self._process = None
        self.forget()

    # What is done in it.

    def ssh(self) -> list[str]:
        """Return the command that logs in, to which a command for the machine is added."""
        return ["ssh", "-F", "/dev/null", "-p", str(self.port), *self.ssh_options(), "root@127.0.0.1"]

    def ssh_options(self) -> list[str]:
        """Return what ssh is to know, beside port and user."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
        options += ["ControlMaster=auto", f"ControlPath={self.folder}/ssh", "ControlPersist=600", "ConnectTimeout=30"]
        return ["-i", str(self.image.key), *[word for each in options for word in ("-o", each)]]

    def run(self, command: str, data: bytes = b"", timeout: float = 120.0) -> Said:
        """Run a shell's command as root; one that does not end has code 124."""
        try:
            done = subprocess.run(
                [*self.ssh(), command], input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return Said(124, f"no end in {timeout:g} s")
        return Said(done.returncode, done.stdout.decode(errors="replace").strip())

    def must(self, command: str, data: bytes = b"", timeout: float = 120.0) -> str:
        """Run a command that has to succeed and return what it said. Raises ``SluiceError``."""
        done = self.run(command, data, timeout)
        if done.code:
            raise SluiceError(f"`{command[:200]}` ended with {done.code} on the machine: {done.output[-3000:]}")
        return done.output

    def write(self, path: str, content: str) -> None:
        """Write a file on the machine."""
        self.must(f"mkdir -p {shlex.quote(str(Path(path).parent))} && cat >{shlex.quote(path)}", content.encode())

    @property
    def _control(self) -> Path:
        return self.folder / "qmp"

    @contextlib.contextmanager
    def _monitor(self) -> Iterator[Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(self._control))
            stream = line.makefile("rb")
            stream.readline()

            def ask(command: str, **arguments: Any) -> Any:
                line.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                while True:
                    said = json.loads(stream.readline())
                    if "error" in said:
                        raise SluiceError(f"the emulator refuses {command}: {said['error']['desc']}")
                    if "return" in said:
                        return said["return"]

            ask("qmp_capabilities")
            yield ask

    def forget(self) -> None:
        """End the SSH connection that is kept for the next command."""
        if (self.folder / "ssh").exists():
            subprocess.run([*self.ssh()[:-1], "-O", "exit", "root@127.0.0.1"], capture_output=True, check=False)
            (self.folder / "ssh").unlink(missing_ok=True)


def lay_over(overlay: Path, disk: Path, named: Path) -> None:
    """Make a disk that holds what differs from ``disk``, which it knows as ``named``."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", _form(disk), "-b", str(named), str(overlay)]
    subprocess.run(command, check=True)


def _form(disk: Path) -> str:
    return disk.suffix.lstrip(".")


def _speaks(port: int) -> bool:
    """Return whether an sshd says its name: the emulator itself takes connections before there is one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.settimeout(20)
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-2000:]
    except OSError:
        return "it said nothing"
