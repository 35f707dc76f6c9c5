"""Debian's own unattended-upgrades replaces nginx in the middle of a roll-out, on a host with SELinux that enforces.

New packages of nginx and nginx-common bring new configuration files and the scripts of Debian's: one restarts nginx,
the other replaces its running binary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.life import FOLDERS, TLS, Certbot, packaged, reboot_rolls_back, renew, upgrade, wait_for, watchdog_rolls_back
from tests.machines.conftest import HIDE_TOOLS
from tests.machines.host import WATCHDOG_SECONDS, Host, Release
from tests.machines.image import ARCHIVES
from tests.machines.machine import Image

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

_SERVICE = "apt-daily-upgrade.service"
_DPKG = "/var/log/dpkg.log"
# Files that the packages bring, which nobody has edited.
_PACKAGED = ("fastcgi_params", "mime.types")


class Upgrading(Host):
    """A host that upgrades itself."""

    def offer(self, archive: str, *options: str) -> None:
        """Let there be an upgrade. ``options`` are dpkg's, without which unattended-upgrades leaves a package alone
        that would ask something.
        """
        self.sh(f"echo 'deb [trusted=yes] file:{ARCHIVES}/{archive} ./' >/etc/apt/sources.list.d/machine.list")
        words = " ".join(f'"{each}";' for each in options)
        self.sh(f"echo 'Dpkg::Options {{ {words} }};' >/etc/apt/apt.conf.d/99options; apt-get -q update; >{_DPKG}")

    def begin_upgrade(self, until: str = "") -> None:
        """Let apt's own service upgrade, and return when dpkg's log says so."""
        # It does its work once a day.
        self.sh(f"rm -f /var/lib/apt/periodic/*stamp; systemctl start --no-block {_SERVICE}")
        self.sh(f"until test $(systemctl show -p ActiveState --value {_SERVICE}) = activating; do sleep 0.1; done")
        if until:
            self.sh(f"timeout {WATCHDOG_SECONDS:.0f} sh -c \"until grep -q ' {until}' {_DPKG}; do sleep 0.1; done\"")

    @property
    def is_upgrading(self) -> bool:
        """Whether apt's service is at work."""
        return self.sh(f"systemctl show -p ActiveState --value {_SERVICE}") == "activating"

    def end_upgrade(self, version: str) -> None:
        """Wait until the upgrade has ended, well."""
        self.sh(f"while test $(systemctl show -p ActiveState --value {_SERVICE}) = activating; do sleep 0.5; done")
        assert self.sh(f"systemctl show -p Result --value {_SERVICE}") == "success"
        assert self.sh("dpkg --audit") == ""
        builds = self.sh("dpkg-query -Wf '${db:Status-Abbrev}${Version}\\n' nginx nginx-common").splitlines()
        assert [(each[:2], each.rpartition("+")[2]) for each in builds] == [("ii", version)] * 2, builds


@pytest.fixture
def new_host(resumed: Callable[[Image], Host], upgrading_image: Image) -> Callable[[], Upgrading]:
    """Make a host that upgrades itself."""

    def make() -> Upgrading:
        host = Upgrading(resumed(upgrading_image).machine)
        host.sh(HIDE_TOOLS)
        assert host.sh("cat /sys/fs/selinux/enforce") == "1", "SELinux is to enforce"
        return host

    return make


@pytest.fixture
def made(release: Callable[..., Release]) -> Callable[..., Release]:
    """Make releases with what the packages brought, which know what they answer."""

    def make(host: Upgrading, body: str, expected: str = "", server: str = "") -> Release:
        contract = [{"get": "http://shop.example/", "expect": {"body": expected or body}}]
        files = packaged(host, _PACKAGED)
        return release(body, files=files, http="include mime.types;", server=server, contract=contract)

    return make


def live_on(host: Upgrading, releases: list[Release]) -> Release:
    """Return on which of these releases a host is, confirmed, as all there is on it says."""
    state = host.finalized(WATCHDOG_SECONDS)
    (live,) = [each for each in releases if each.id == state["live"]]
    assert (state["confirmed"]["release"], host.link.endswith(live.id)) == (live.id, True)
    # The package's scripts may have stopped nginx just now.
    wait_for(lambda: host.body == live.body, f"nginx serves {live.body}")
    return live


def assert_whole(host: Upgrading, release: Release) -> None:
    """Assert that a host serves a release, by one nginx of the installed binary, which its service knows."""
    assert live_on(host, [release])
    seen = host.ask("status")
    # What packages wrote is told apart, wherever in a roll-out it met the tree.
    assert (seen["drift"], seen["problems"]) == ([], []), seen
    assert set(seen["package_drift"].values()) <= {"nginx-common"}, seen["package_drift"]
    masters = host.sh("pgrep -cf '^nginx: master'")
    assert (masters, host.sh("systemctl is-active nginx")) == ("1", "active")
    assert host.sh("cat /run/nginx.pid") == host.sh("systemctl show -p MainPID --value nginx")
    assert host.sh("stat -Lc %i /proc/$(cat /run/nginx.pid)/exe") == host.sh("stat -c %i /usr/sbin/nginx")


def deployed(host: Upgrading, release: Release, run: str) -> None:
    """A deployment passes, whatever packages have done before."""
    host.push(release, run, confirm=True, drift="adopt-package")
    assert_whole(host, release)
    assert host.ask("status")["package_drift"] == {}


def test_a_whole_life(new_host: Any, made: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    host = new_host()
    certbot = Certbot(host, "systemctl reload nginx", tmp_path_factory.mktemp("certificates"))
    one, two, three, four = (made(host, body, server=TLS) for body in ("one", "two", "three", "four"))

    adopted = host.push(one, "r1", confirm=True)["before"]
    assert (host.body, host.sh(f"ls /var/lib/sluice/releases/{adopted}/nginx.conf") != "") == ("one", True)
    bad = host.push(made(host, "bad", "good", TLS), "r2")
    assert (bad["ok"], bad["rolled_back"], host.body) == (False, True, "one"), bad
    watchdog_rolls_back(host, two, "r3", 20.0, WATCHDOG_SECONDS)
    reboot_rolls_back(host, two, "r4", WATCHDOG_SECONDS)

    def upgrade_itself() -> None:
        host.offer("new")
        host.begin_upgrade()
        host.end_upgrade("b1")

    upgrade(host, upgrade_itself, dict.fromkeys((*FOLDERS, *_PACKAGED), "nginx-common"), three, "r5")
    renew(host, certbot, four, "r6")
    assert_whole(host, four)
    assert host.denials() == []


def test_an_upgrade_in_an_activation_and_in_a_bake(new_host: Any, made: Any) -> None:
    host = new_host()
    one, two, three, four = (made(host, body) for body in ("one", "two", "three", "four"))
    host.push(one, "r0", confirm=True)
    before = host.sh("cat /run/nginx.pid")

    # Roll-outs one after the other as long as the upgrade goes on, so that it meets each step of them.
    host.offer("new")
    host.begin_upgrade("startup archives unpack")
    ended, live, rounds = [], one, 0
    while host.is_upgrading:
        rounds += 1
        wanted = two if live is not two else three
        answer = host.push(wanted, f"a{rounds}", drift="adopt-package")
        if answer["ok"]:
            answer = host.ask("confirm", f"a{rounds}", release=wanted.id)
        if not answer["ok"] and host.state["pending"]:
            assert host.ask("rollback", f"a{rounds}")["rolled_back"]
        ended.append((answer["ok"], [each["what"] for each in answer["problems"]]))
        live = live_on(host, [live, wanted])
        assert (live is wanted) == answer["ok"]
    print(ended)
    host.end_upgrade("b1")
    assert host.sh("cat /run/nginx.pid") != before
    assert rounds
    assert_whole(host, live)
    deployed(host, four, "r1")

    # A whole upgrade between the switch and its confirmation, with a file that was edited and that the package changed.
    host.offer("newer", "--force-confdef", "--force-confold")
    assert host.push(one, "r2", drift="adopt-package")["ok"]
    host.begin_upgrade()
    host.end_upgrade("b2")
    baked = host.ask("bake", "r2", release=one.id, seconds=0)
    (problem,) = baked["problems"]
    assert "nginx was restarted meanwhile, or its package upgraded the running binary" in problem["what"]
    confirmed = host.ask("confirm", "r2", release=one.id)
    assert not confirmed["ok"], confirmed
    assert host.ask("rollback", "r2")["rolled_back"]
    assert_whole(host, four)
    deployed(host, two, "r3")
    assert host.denials() == []


def test_an_upgrade_in_a_countdown_and_in_a_rollback(new_host: Any, made: Any) -> None:
    host = new_host()
    one, two, three = (made(host, body) for body in ("one", "two", "three"))
    host.push(one, "r0", confirm=True)

    # The watchdog's time comes while the package's scripts are at work.
    host.offer("new")
    host.begin_upgrade("startup archives unpack")
    assert host.push(two, "r1", options={"confirm_timeout": 12.0}, drift="adopt-package")["ok"]
    host.end_upgrade("b1")
    assert_whole(host, one)
    assert (host.state["last"]["run"], host.state["last"]["outcome"]) == ("r1", "rolled_back")
    deployed(host, three, "r2")

    # A rollback while the running binary is replaced.
    host.offer("newer", "--force-confdef", "--force-confold")
    assert host.push(two, "r3", drift="adopt-package")["ok"]
    host.begin_upgrade("configure nginx:")
    back = host.ask("rollback", "r3")
    assert (back["ok"], back["broken"]) == (True, False), back
    host.end_upgrade("b2")
    assert_whole(host, three)

    # It goes on by itself at night, and what it changed is adopted.
    deployed(host, two, "r4")
    assert host.denials() == []
