"""Hosts without systemd: real OpenRC, runit and sysvinit of Debian's packages, as the first process of a container."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.containers import RunContainer
from tests.integration.hosts import ASK, CONF, Host
from tests.life import FOLDERS, TLS, Certbot, packaged, pend, reboot_rolls_back, renew, upgrade, watchdog_rolls_back
from tests.machines.image import MAKE_ARCHIVES
from tests.pushed import PushedRelease

pytestmark = pytest.mark.integration

# By the name of the story: the packages of the init, and what makes nginx a service of its own where no package does.
STORIES = {
    "sysvinit": ("sysvinit-core sysv-rc", ""),
    "OpenRC": ("sysvinit-core openrc", ""),
    "runit": ("runit-init runit", "supervise"),
}
# As an administrator writes it; a service of runit's name takes the place of the script of init.
SUPERVISED = r"""mkdir -p /etc/sv/nginx && printf '#!/bin/sh\nexec nginx -g "daemon off;"\n' > /etc/sv/nginx/run &&
chmod 755 /etc/sv/nginx/run && ln -s /etc/sv/nginx /etc/runit/runsvdir/default/nginx"""
# Whatever else an init starts takes its time.
ALONE = r"""rm -f /etc/rcS.d/S*; for folder in /etc/rc2.d /etc/runlevels /etc/runit/runsvdir/default; do
[ ! -d $folder ] || find $folder ! -type d ! -name '*nginx' -delete; done""".replace("\n", " ")
_UP_SECONDS = 120.0
# What an administrator has certbot run after a renewal.
RELOAD = {"sysvinit": "/etc/init.d/nginx reload", "openrc": "rc-service nginx reload", "runit": "sv hup nginx"}
# As unattended-upgrades does it where nginx.conf was edited and is new as well.
UPGRADE = "DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --install /srv/archives/newer/*.deb 2>&1"


class Machine(Host):
    """A container with an init."""

    def wait(self, body: str) -> None:
        """Wait until it serves this."""
        until = time.monotonic() + _UP_SECONDS
        seen = ""
        while time.monotonic() < until:
            seen = self.sh('python3 -IS -c "$ASK" 2>/dev/null || true', check=False)
            if seen == body:
                return
            time.sleep(0.3)
        processes = self.sh("ps ax -o pid,ppid,args | tail -25", check=False)
        pytest.fail(f"it serves {seen!r} and not {body!r} after {_UP_SECONDS} s; there run\n{processes}")


def image(platform_image: str, packages: str, more: str) -> str:
    """Make the image of an init on the platform's, unless it is there."""
    conf = CONF.format(workers=2, main="", server="", status=200, body="by hand")
    recipe = f"""FROM {platform_image}
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {packages} \\
 && rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/*
RUN {SUPERVISED.replace(chr(10), " ") if more else "true"}
RUN {ALONE}
RUN printf %s {shlex.quote(conf).replace(chr(10), "")} > /etc/nginx/nginx.conf
"""
    tag = f"sluice-test:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0:
        return tag
    done = subprocess.run(
        ["docker", "build", "--quiet", "--label", "sluice=1", "--tag", tag, "-"],
        input=recipe,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tag


def make_archives(machine: Machine) -> None:
    """Let there be newer versions of Debian's packages, with their scripts."""
    argv = ["docker", "exec", "-i", machine.container, "python3", "-", "/srv/archives"]
    subprocess.run(argv, input=MAKE_ARCHIVES.read_bytes(), capture_output=True, check=True)


@pytest.fixture
def new_machine(run_container: RunContainer, platform_image: str) -> Callable[[str], Machine]:
    """Start machines of an init, which serve what somebody wrote by hand."""

    def make(name: str) -> Machine:
        options = ["--network", "none", "-e", f"ASK={ASK}", "--tmpfs", "/run", "--tmpfs", "/run/lock"]
        options += ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]
        machine = Machine(run_container(*options, image(platform_image, *STORIES[name]), "/sbin/init"))
        machine.wait("by hand")
        return machine

    return make


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., PushedRelease]:
    """Make releases: ``body`` is what they answer, ``files`` come with them."""

    def make(body: str, files: Mapping[str, str], expected: str = "") -> PushedRelease:
        folder = tmp_path / body
        folder.mkdir()
        conf = CONF.format(workers=2, main="", server=TLS, status=200, body=body)
        for name, text in {"nginx.conf": conf, **files}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        return PushedRelease(folder, [{"get": "http://shop.example/", "expect": {"body": expected or body}}])

    return make


# A part of one life is in every run of the tests; the images of the others take a minute each.
@pytest.mark.parametrize(
    ("name", "is_whole"),
    [("sysvinit", False), *(pytest.param(name, True, marks=pytest.mark.thorough) for name in STORIES)],
)
def test_a_whole_life_without_systemd(
    name: str, is_whole: bool, new_machine: Any, release: Any, tmp_path: Path
) -> None:
    machine = new_machine(name)
    if is_whole:
        make_archives(machine)
    of_package = packaged(machine, ("fastcgi_params", "mime.types"))
    one, two, three, four = (release(body, of_package) for body in ("one", "two", "three", "four"))
    manager = name.lower()
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    certbot = Certbot(machine, RELOAD[manager], certificates)

    # It is told what starts nginx.
    told = machine.ask("preflight", release=one.id, platform={}, facts={})
    assert told["ok"], told
    assert told["platform"]["service_manager"] == manager
    assert told["platform"]["service"] == "nginx"
    assert (told["nginx"]["flavour"], told["nginx"]["prefix"]) == ("nginx", "/usr/share/nginx")

    # Deployed, and not replaced by what fails a check; rolled back by the watchdog, and by a boot.
    machine.push(one, "r1", confirm=True)
    assert machine.body == "one"
    if is_whole:
        bad = machine.push(release("bad", of_package, "good"), "r2")
        assert (bad["ok"], bad["rolled_back"], machine.body) == (False, True, "one"), bad
    watchdog_rolls_back(machine, two, "r3")
    reboot_rolls_back(machine, two, "r4")

    # An nginx that has died is started by what starts it, and not beside it.
    pend(machine, two, "r5")
    machine.sh("pkill -9 -x nginx; sleep 0.2")
    back = machine.ask("rollback", "r5", reason="it died")
    assert back["ok"], back
    assert machine.body == "one"
    started = {
        "sysvinit": "/etc/init.d/nginx status",
        "openrc": "rc-service nginx status",
        "runit": "sv check nginx && test $(cat /etc/sv/nginx/supervise/pid) = $(pgrep -f '^nginx: master')",
    }
    machine.sh(started[manager])

    # The package's scripts know the service, and so does it still know its nginx.
    if is_whole:
        changed = dict.fromkeys((*FOLDERS, *of_package, "nginx.conf.dpkg-dist"), "nginx-common")
        upgrade(machine, lambda: machine.sh(UPGRADE), changed, three, "r6")
        assert machine.sh("dpkg --audit") == ""
        machine.sh(started[manager])
        renew(machine, certbot, four, "r7")

    # Nothing of Sluice is left, and the machine comes up as before.
    left = machine.ask("leave", "r8")
    assert left["ok"], left
    found = "find /etc /run/openrc /var/lib -name '*sluice*' 2>/dev/null || true"
    assert machine.sh(found) == ""
    machine.reboot()
    machine.wait("four" if is_whole else "one")
