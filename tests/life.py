"""Chapters of a host's life, which hosts of all kinds live through: on machines, under each service manager, with each
layout of nginx. They share what is to be so at the end of each.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from tests.commands import make_certificate
from tests.pushed import PushedHost, PushedRelease

__all__ = [
    "FOLDERS",
    "TLS",
    "Certbot",
    "packaged",
    "pend",
    "reboot_rolls_back",
    "renew",
    "upgrade",
    "wait_for",
    "watchdog_rolls_back",
]

_LIVE, _ARCHIVE = "/etc/letsencrypt/live/shop.example", "/etc/letsencrypt/archive/shop.example"
TLS = f"listen 443 ssl; ssl_certificate {_LIVE}/fullchain.pem; ssl_certificate_key {_LIVE}/privkey.pem;"
"""What a server says that has certbot's certificate."""

FOLDERS = ("conf.d", "modules-available", "modules-enabled", "sites-available", "sites-enabled", "snippets")
"""Folders that Debian's nginx-common has, and brings back with each version."""

_SECONDS = 120.0
_SHOWN = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 443)).strip())"


class _Standing(NamedTuple):
    """What a host serves, and by what."""

    body: str
    live: str
    link: str


def _standing(host: PushedHost) -> _Standing:
    return _Standing(host.body, host.state["live"], host.link)


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = _SECONDS) -> None:
    """Wait until something is so. A host that does not answer has it otherwise."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(AssertionError, SluiceError, ValueError):
            if is_so():
                return
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


def pend(host: PushedHost, release: PushedRelease, run: str, seconds: float = 600.0) -> None:
    """Bring a release, and leave it pending; ``seconds`` are the watchdog's."""
    answer = host.push(release, run, options={"confirm_timeout": seconds})
    assert answer["ok"], answer
    assert host.state["pending"]["run"] == run


def _rolled_back(host: PushedHost, before: _Standing, run: str, by: str, within: float) -> None:
    """Wait until what a run had pending is rolled back, by whom is in the state."""
    wait_for(lambda: host.state["pending"] is None and host.body == before.body, f"{run} is rolled back", within)
    last = host.state["last"]
    assert (last["run"], last["outcome"]) == (run, "rolled_back")
    assert by in last["by"]
    assert _standing(host) == before


def watchdog_rolls_back(
    host: PushedHost, release: PushedRelease, run: str, seconds: float = 15.0, within: float = _SECONDS
) -> None:
    """Nobody speaks for a run any more, and the watchdog needs nobody."""
    before = _standing(host)
    pend(host, release, run, seconds)
    _rolled_back(host, before, run, "watchdog", within)


def reboot_rolls_back(host: PushedHost, release: PushedRelease, run: str, within: float = _SECONDS) -> None:
    """A pending release is not what a host comes up with."""
    before = _standing(host)
    pend(host, release, run)
    host.reboot()
    _rolled_back(host, before, run, "", within)


def packaged(host: PushedHost, names: Iterable[str]) -> dict[str, str]:
    """Return files of ``/etc/nginx`` as they are, to be part of a release."""
    return {name: base64.b64decode(host.sh(f"base64 /etc/nginx/{name}")).decode() for name in names}


def upgrade(
    host: PushedHost, install: Callable[[], object], changed: dict[str, str], release: PushedRelease, run: str
) -> None:
    """The package of nginx is upgraded. What that changed, by path with its package's name, is nobody's edit, and the
    next deployment passes.
    """
    before = _standing(host)
    install()
    wait_for(lambda: host.body == before.body, "nginx serves after the upgrade")
    seen = host.ask("status")
    assert (seen["drift"], seen["package_drift"], seen["problems"]) == ([], changed, []), seen
    assert _standing(host) == before
    answer = host.push(release, run, confirm=True, drift="adopt-package")
    assert host.link.endswith(release.id), answer
    assert host.ask("status")["package_drift"] == {}


class Certbot:
    """Certificates as certbot has them: each in the archive, links to the newest, and a hook that is run then."""

    def __init__(self, host: PushedHost, hook: str, folder: Path) -> None:
        self._host, self._hook, self._folder = host, hook, folder
        self._number = 0
        self.issue()

    def issue(self) -> str:
        """Write the next certificate, and return it."""
        self._number += 1
        names = {name: self._folder / f"{name}{self._number}.pem" for name in ("privkey", "fullchain")}
        make_certificate(str(self._number), names["fullchain"], names["privkey"], days=30)
        lines = [f"mkdir -p {_ARCHIVE} {_LIVE}; umask 077"]
        for name, path in names.items():
            lines.append(f"cat >{_ARCHIVE}/{path.name} <<'END'\n{path.read_text()}END")
            lines.append(f"ln -sfn ../../archive/shop.example/{path.name} {_LIVE}/{name}.pem")
        # As files have it that were made on the host.
        lines.append("! command -v restorecon >/dev/null || restorecon -R /etc/letsencrypt")
        self._host.sh("\n".join(lines))
        return names["fullchain"].read_text().strip()

    def renew(self) -> None:
        """Renew it: nginx shows it after the hook."""
        certificate = self.issue()
        self._host.sh(self._hook)
        wait_for(lambda: self._host.sh(f'python3 -c "{_SHOWN}"') == certificate, "nginx shows the new certificate")


def renew(host: PushedHost, certbot: Certbot, release: PushedRelease, run: str) -> None:
    """A certificate is renewed, between roll-outs and while one is pending: the same release, by new workers."""
    before = _standing(host)
    certbot.renew()
    seen = host.ask("status")
    assert (seen["drift"], seen["package_drift"], seen["problems"]) == ([], {}, []), seen
    assert _standing(host) == before
    pend(host, release, run)
    certbot.renew()
    baked = host.ask("bake", run, release=release.id, seconds=0)
    assert baked["ok"], baked
    assert any("as after the renewal of a certificate" in warning for warning in baked["warnings"]), baked
    certbot.renew()
    confirmed = host.ask("confirm", run, release=release.id)
    assert confirmed["ok"], confirmed
    assert host.state["confirmed"]["release"] == release.id
