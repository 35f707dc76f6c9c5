"""Cuts the power of a machine at random moments of a deployment, and looks at what it comes up with.

``python -m tests.machines.power_cuts --count 50``: each cut is a number, from which its moment and the writes that are
lost follow, so ``--first 17 --count 1`` repeats one. A report is written after each.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.machines.disk import Disk
from tests.machines.host import Host, Release
from tests.machines.image import get_image
from tests.machines.machine import Image, Machine

__all__ = ["Cut", "Scenes", "cut_power", "made_scenes"]

# What a boot has no need of here, and what takes long in an emulator.
_MASKED = (
    *("e2scrub_reap.service", "systemd-networkd-persistent-storage.service", "systemd-udev-load-credentials.service"),
    *("modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@configfs.service"),
    *("selinux-autorelabel-mark.service", "systemd-binfmt.service"),
    *("systemd-pcrlock-make-policy.service", "systemd-network-generator.service"),
)
# A host without SELinux's tools, which take a minute here in which nothing of a deployment happens; and one that gives
# its disk what was written at once, before anybody asks for it, so that the disk's cache has much to lose.
_PREPARE = f"""
mv /usr/sbin/semanage /usr/sbin/semanage.away
systemctl mask --quiet {" ".join(_MASKED)}
printf 'vm.dirty_writeback_centisecs = 5\\nvm.dirty_expire_centisecs = 5\\n' >/etc/sysctl.d/cuts.conf
echo 5 >/proc/sys/vm/dirty_writeback_centisecs
echo 5 >/proc/sys/vm/dirty_expire_centisecs
"""
_WAIT_SECONDS = 900.0
_FINALIZE_SECONDS = 600.0
_ADOPTED = "Welcome to nginx!"
# Asked on the machine in one go, for each command over SSH takes a second: the state, the link, what nginx answers.
_LOOK = """
import json, os, urllib.request
def read(path):
    try:
        return json.load(open(path))
    except (OSError, ValueError) as error:
        return {"unreadable": str(error)}
def asked():
    try:
        return urllib.request.urlopen("http://127.0.0.1/", timeout=20).read().decode()[:2000]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
state = read("/var/lib/sluice/state.json") if os.path.exists("/var/lib/sluice/state.json") else None
link = os.readlink("/etc/nginx") if os.path.islink("/etc/nginx") else ""
print(json.dumps({"state": state, "link": link, "body": asked()}))
"""


class Cut(NamedTuple):
    """One cut: its number, the scene, after how many flushes of the disk, what it lost, and how it ended."""

    number: int
    scene: str
    flushes: int
    phase: str
    acknowledged: bool
    cached: int
    lost: int
    boot_seconds: float
    ended: str
    faults: tuple[str, ...]

    def line(self) -> str:
        """Say it in one line."""
        how = "; ".join(self.faults) or self.ended
        return (
            f"{self.number:3} {self.scene:5} after {self.flushes:2} flushes (last step: {self.phase}), {self.lost} of "
            f"{self.cached} blocks in the cache lost, up after {self.boot_seconds:.0f} s: {how}"
        )


class Scenes(NamedTuple):
    """Where deployments begin: ``first`` has never met Sluice, ``later`` serves release ``one``, confirmed.

    ``flushes`` is how often activation and confirmation have the disk write its cache there.
    """

    images: dict[str, Image]
    flushes: dict[str, int]
    one: Release
    two: Release


@contextmanager
def made_scenes(folder: Path) -> Iterator[Scenes]:
    """Make both scenes below ``folder``, and remove them at the end."""
    base = get_image()
    one, two = Release(folder / "one", "one"), Release(folder / "two", "two", files=_many())
    images: dict[str, Image] = {}
    flushes: dict[str, int] = {}
    try:
        images["first"] = _saved(base, folder / "first", lambda host: host.sh(_PREPARE))
        images["later"] = _saved(images["first"], folder / "later", lambda host: host.push(one, confirm=True), flushes)
        _saved(images["later"], folder / "last", lambda host: host.push(two, confirm=True), flushes)
        yield Scenes(images, {"first": flushes["later"], "later": flushes["last"]}, one, two)
    finally:
        for scene in ("first", "later", "last"):
            shutil.rmtree(folder / scene, ignore_errors=True)


def _saved(image: Image, folder: Path, act: Callable[[Host], object], flushes: dict[str, int] | None = None) -> Image:
    """Let something happen on a machine and return the image of it from then on. ``flushes`` gets how often its disk
    was told to write its cache meanwhile.
    """
    folder.mkdir()
    disk = Disk(image.disk)
    disk.serve(folder / "nbd")
    machine = Machine(image, folder / "machine", drive=f"nbd+unix:///?socket={folder / 'nbd'}")
    host = Host(machine)
    made = image._replace(disk=folder / "disk.raw", memory=folder / "memory")
    try:
        machine.start(resume=True)
        machine.wait()
        before = disk.flushes
        act(host)
        if flushes is not None:
            flushes[folder.name] = disk.flushes - before
        host.sh("sync")
        machine.remember(made.memory)
        disk.write_image(made.disk)
    finally:
        machine.kill()
        disk.close()
    return made


def _many() -> dict[str, str]:
    """Return files enough that they are not written in one block."""
    return {f"conf.d/{number:03}.conf": f"# {number} {'x' * 3000}\n" for number in range(60)}


def cut_power(scenes: Scenes, folder: Path, number: int) -> Cut:
    """Let a machine activate and confirm a release, cut its power meanwhile, and boot it again."""
    chance = random.Random(number)
    scene = ("first", "later")[number % 2]
    release = scenes.one if scene == "first" else scenes.two
    image = scenes.images[scene]
    disk = Disk(image.disk)
    disk.serve(folder / "nbd")
    machine = Machine(image, folder / "machine", drive=f"nbd+unix:///?socket={folder / 'nbd'}")
    host = Host(machine)
    done: dict[str, Any] = {}

    def deploy() -> None:
        # The connection ends with the machine, wherever this is.
        try:
            host.push(release, f"run{number}", confirm=True)
            done["confirmed"] = True
        except Exception as error:
            done["error"] = str(error)

    try:
        machine.start(resume=True)
        machine.wait()
        before, wanted = disk.flushes, chance.randint(0, scenes.flushes[scene] + 2)
        thread = threading.Thread(target=deploy)
        thread.start()
        until = time.monotonic() + _WAIT_SECONDS
        while disk.flushes - before < wanted and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.5))
        acknowledged = "confirmed" in done
        machine.kill()
        cached, lost = disk.cut(chance)
        thread.join(60)
        began = time.monotonic()
        machine.start(selinux=False)
        machine.wait()
        took = time.monotonic() - began
        ended, phase, faults = _judge(host, scenes, number, release, acknowledged)
    finally:
        machine.kill()
        disk.close()
        shutil.rmtree(folder / "machine", ignore_errors=True)
    return Cut(number, scene, wanted, phase, acknowledged, cached, lost, took, ended, tuple(faults))


def _judge(host: Host, scenes: Scenes, number: int, release: Release, acknowledged: bool) -> tuple[str, str, list[str]]:
    """Return how it ended, the last step before the cut, and what is wrong with that."""
    until = time.monotonic() + _FINALIZE_SECONDS
    while True:
        seen = json.loads(host.sh(f"python3 -IS - <<'END'\n{_LOOK}\nEND"))
        state = seen["state"]
        is_pending = bool(state and state.get("pending"))
        if (not is_pending and _is_known(seen["body"])) or time.monotonic() > until:
            break
        time.sleep(2)
    journal = host.try_sh("cat /var/lib/sluice/journal.jsonl").output.splitlines()
    steps = [event for run, event in map(_event, journal) if run == f"run{number}"]
    phase = steps[-1] if steps else "none"
    faults = []
    if state is not None and "unreadable" in state:
        faults.append(f"the state cannot be read: {state['unreadable']}")
        return "broken", phase, faults
    if state and is_pending:
        faults.append(f"a release is still pending: {state['pending']['phase']}")
    live = Path(seen["link"]).name if seen["link"] else ""
    bodies: dict[str, str] = {scenes.one.id: "one", scenes.two.id: "two"}
    body = bodies.get(live, _ADOPTED)
    if body not in seen["body"]:
        faults.append(f"nginx answers {seen['body'][:80]!r}, expected {body!r}, as {live[:12] or 'the directory'} says")
    confirmed = ((state or {}).get("confirmed") or {}).get("release")
    if live and confirmed != live:
        faults.append(f"the link leads to {live[:12]}, and {str(confirmed)[:12]} is confirmed")
    if acknowledged and live != release.id:
        faults.append("the confirmation was answered, and the release from before serves")
    if live:
        status = host.ask("preflight", "look", release=live)
        faults += [problem["what"] for problem in status["problems"]]
        faults += [warning for warning in status["warnings"] if "damaged" in warning]
    damaged = host.sh("ls /var/lib/sluice 2>/dev/null | grep damaged || true")
    if damaged:
        faults.append(f"set aside as damaged: {damaged}")
    return f"{body.split()[0]} serves, confirmed", phase, faults


def _is_known(body: str) -> bool:
    return body.strip() in ("one", "two") or _ADOPTED in body


def _event(line: str) -> tuple[str, str]:
    """Return whose event a line of the journal is, and which; a line that was cut short is nobody's."""
    try:
        row = json.loads(line)
        return str(row["run"]), " ".join(filter(None, [str(row["event"]), str(row.get("mark") or "")]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def main() -> int:
    """Cut the power ``--count`` times; returns 1 when any boot ended on anything but a whole release."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path(".sluice/power-cuts.txt"))
    given = parser.parse_args()
    broken = 0
    given.report.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cuts-") as name, made_scenes(Path(name)) as scenes:
        counts = " and ".join(f"{count} ({scene})" for scene, count in scenes.flushes.items())
        sys.stdout.write(f"a deployment flushes the disk {counts} times here\n")
        for number in range(given.first, given.first + given.count):
            try:
                cut = cut_power(scenes, Path(name), number)
                line, bad = cut.line(), bool(cut.faults)
            except (SluiceError, OSError) as error:
                line, bad = f"{number:3} could not be judged: {error}", True
            broken += bad
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            with given.report.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
    sys.stdout.write(f"{given.count} cuts, {broken} of them bad\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
