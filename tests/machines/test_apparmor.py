"""Hosts with AppArmor that enforces: nginx is confined by the profile of docs/how-to/selinux.md, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.life import reboot_rolls_back, watchdog_rolls_back
from tests.machines.host import WATCHDOG_SECONDS, Host, Release, words
from tests.machines.machine import Image

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

Hosts = Callable[..., Host]
Releases = Callable[..., Release]

_PROFILE = "/etc/apparmor.d/usr.sbin.nginx"
_PART = "/etc/apparmor.d/local/usr.sbin.nginx"


class Page(NamedTuple):
    """What the page prints: Sluice's part of a profile, what loads it, a failure, and a whole profile."""

    part: str
    load: str
    profile: str
    failure: str


@pytest.fixture(scope="module")
def page(project: Path) -> Page:
    """What docs/how-to/selinux.md says of AppArmor."""
    text = (project / "docs/how-to/selinux.md").read_text(encoding="utf-8")
    section = text.partition("\n## AppArmor\n")[2].partition("\n## ")[0]
    part, profile, failure = re.findall(r"^```text\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (load,) = re.findall(r"^# (apparmor_parser .*)$", section, re.MULTILINE)
    return Page(part, load, profile, failure)


@pytest.fixture
def new_host(page: Page, resumed: Callable[[Image], Host], apparmor_image: Image) -> Hosts:
    """Make a host on which the profile confines nginx, with Sluice's part of it."""

    def make(*, part: bool = True) -> Host:
        host = resumed(apparmor_image)
        host.machine.write(_PROFILE, page.profile)
        if part:
            host.machine.write(_PART, page.part)
        host.sh(f"{page.load} && systemctl restart nginx")
        assert_confined(host)
        return host

    return make


def assert_confined(host: Host) -> None:
    """Assert that each process of nginx is under the profile."""
    labels = host.sh("for pid in $(pidof nginx); do cat /proc/$pid/attr/current; done").splitlines()
    assert len(labels) >= 2
    assert set(labels) == {"nginx (enforce)"}


def denials(host: Host) -> list[str]:
    """Everything that AppArmor has denied to anybody since the machine was made."""
    lines = host.sh("journalctl -q --no-pager -o cat -b all _TRANSPORT=audit + _TRANSPORT=kernel; dmesg").splitlines()
    return [line for line in lines if 'apparmor="DENIED"' in line]


def test_a_deployment_a_rollback_and_a_renewal_meet_no_denial(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    host.sh("echo '# first' >/etc/nginx/shop.conf && chmod 600 /etc/nginx/shop.conf")
    one = release("one", server="include parts/*; include shop.conf;", kept=("shop.conf",), files={"parts/a": "\n"})
    host.push(one, confirm=True)
    assert host.body == "one"

    # The test of this one makes a folder for its cache, which nginx is to write.
    cache = "proxy_cache_path /var/lib/nginx/shop keys_zone=shop:1m;"
    wrong = release("two", http=cache, contract=[{"get": "http://shop.example/", "expect": {"body": "three"}}])
    failed = host.push(wrong, "r2")
    assert (failed["rolled_back"], failed["broken"], host.body) == (True, False, "one"), failed
    assert "does not hold on this host" in words(failed)
    assert "AppArmor" not in words(failed)

    # The package of a new nginx starts its binary beside the old one.
    old = host.sh("cat /run/nginx.pid")
    host.sh(f"kill -USR2 {old} && while test ! -s /run/nginx.pid -o ! -s /run/nginx.pid.oldbin; do sleep 0.1; done")
    host.sh(f"kill -QUIT {old} && while test -e /run/nginx.pid.oldbin; do sleep 0.1; done")

    # A renewal replaces a shared file, and lets nginx read it.
    renewed = "location = /renewed { return 200 renewed; }"
    host.sh(f"echo '{renewed}' >/var/lib/sluice/shared/shop.conf && systemctl reload nginx")
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1/renewed', timeout=20).read().decode())"
    host.sh(f'until test "$(python3 -IS -c "{ask}")" = renewed; do sleep 1; done')
    seen = host.ask("preflight", release=one.id)
    assert (host.body, seen["platform"]["confined_by"]) == ("one", "AppArmor, enforcing")
    assert_confined(host)
    assert denials(host) == []


def test_the_watchdog_and_a_reboot_roll_back_without_a_denial(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    host.push(release("one"), confirm=True)
    two = release("two")
    watchdog_rolls_back(host, two, "r2", 20.0, WATCHDOG_SECONDS)
    reboot_rolls_back(host, two, "r3", WATCHDOG_SECONDS)
    assert_confined(host)
    assert denials(host) == []


def test_a_profile_that_hides_the_releases_stops_the_first_switch(
    new_host: Hosts, release: Releases, page: Page
) -> None:
    host, one = new_host(part=False), release("one")

    def refused(run: str) -> str:
        answer = host.push(one, run)
        assert (answer["ok"], host.link) == (False, ""), answer
        return words(answer)

    said = refused("r1")
    assert "AppArmor does not let nginx read /var/lib/sluice, where releases are" in said
    assert f"add `{page.part.strip()}` to it, in a file below /etc/apparmor.d/local, and load the profile again" in said

    # nginx runs without a profile, and would be under this one from its next start: a reboot's, with the release live.
    host.sh(f"apparmor_parser -R {_PROFILE} && systemctl restart nginx")
    # The kernel does not say which binary a profile is for that has a name of its own.
    host.sh(page.load)
    assert host.sh("cat /proc/$(cat /run/nginx.pid)/attr/current") == "unconfined"
    assert "the profile nginx does not" in refused("r2")
    host.sh(f"apparmor_parser -R {_PROFILE}")
    host.machine.write(_PROFILE, page.profile.replace("profile nginx /usr", "/usr"))
    host.sh(page.load)
    assert "the profile /usr/sbin/nginx does not" in refused("r3")

    host.sh(f"apparmor_parser -R {_PROFILE}")
    host.machine.write(_PROFILE, page.profile)
    host.machine.write(_PART, page.part)
    host.sh(f"{page.load} && systemctl restart nginx")
    assert_confined(host)
    host.machine.write(_PART, page.part + "deny signal (receive) peer=unconfined,\n")
    host.sh(page.load)
    assert "AppArmor does not let anybody send nginx a signal" in refused("r4")
    assert denials(host) == []

    host.machine.write(_PART, page.part)
    host.sh(page.load)
    host.push(one, "r5", confirm=True)
    assert (host.body, denials(host)) == ("one", [])


def test_what_apparmor_forbids_is_named(new_host: Hosts, release: Releases, page: Page) -> None:
    host = new_host()
    host.push(release("one"), confirm=True)
    host.sh("mkdir /opt/shop && echo page >/opt/shop/word.conf")
    failed = host.push(release("two", server="include /opt/shop/word.conf;"), "r2")
    assert (failed["rolled_back"], failed["broken"], host.body) == (None, False, "one"), failed
    for line in page.failure.splitlines():
        assert line.strip().removeprefix("fix: ") in words(failed)

    # A document root is first read by a worker, after the switch.
    checks = [{"get": "http://shop.example/word.conf", "expect": {"body": "page"}}]
    rooted = release("three", server="location = /word.conf { root /opt/shop; }", contract=checks)
    failed = host.push(rooted, "r3")
    assert (failed["rolled_back"], failed["broken"], host.body) == (True, False, "one"), failed
    assert "AppArmor denied nginx open of /opt/shop/word.conf (nginx)" in words(failed)
    assert {re.findall(r' name="([^"]+)"', line)[0] for line in denials(host)} == {"/opt/shop/word.conf"}

    host.machine.write(_PART, f"{page.part}/opt/shop/** r,\n")
    host.sh(page.load)
    host.push(rooted, "r4", confirm=True)
    assert host.body == "three"
