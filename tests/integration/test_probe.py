"""A host is asked what it serves and has: a real nginx in a container, on which nothing may change."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from tests.containers import RunContainer

pytestmark = pytest.mark.integration

# What the kernel shows, and what processes do to their own logs and pipes, is no change of the host.
LISTING = "find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/dev/*' -printf '%p %y %s %m %U %C@\\n'"
MISSPELT = "/usr/share/ngnix/html/index.html"


class Host:
    """A container in which an nginx runs."""

    def __init__(self, container: str) -> None:
        self._container = container

    def sh(self, script: str) -> str:
        """Run a script of the shell."""
        command = ["docker", "exec", self._container, "sh", "-c", script]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """Send one request to the engine."""
        body = {"op": op, "run": {"id": "r1", "who": "ann", "from": "desk"}, **request}
        done = subprocess.run(
            ["docker", "exec", "-i", self._container, "sh", "-c", remote.command()],
            input=remote.payload(body),
            capture_output=True,
            check=False,
        )
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, op)

    def files(self) -> dict[str, str]:
        """Every file of the host with its kind, size, mode, owner and when it was last changed."""
        return dict(line.split(" ", 1) for line in self.sh(LISTING).splitlines())


@pytest.fixture
def host(run_container: RunContainer, platform_image: str) -> Host:
    """A host that serves what its package brings, and a site with a password and a key."""
    host = Host(run_container("--init", "--network", "none", platform_image, "sleep", "infinity"))
    # Overlayfs notes the first change of a directory in the one above as well.
    host.sh("touch /tmp/first && rm /tmp/first")
    host.sh("echo 'ann:$apr1$abc$defghijklmnop' > /etc/nginx/users; echo secret > /etc/nginx/shop.key; nginx")
    return host


def _need(kind: str, value: str, purpose: str = "") -> dict[str, Any]:
    return {"kind": kind, "value": value, "purpose": purpose}


NEEDS: dict[str, tuple[dict[str, Any], bool, str, str]] = {
    "nginx holds the port itself": (_need("port", "80/tcp"), True, "", ""),
    "nobody holds the port": (_need("port", "8443/tcp"), True, "", ""),
    "a process holds the port": (_need("port", "9145/tcp"), False, "it is held by python3 (pid ", ""),
    "nginx answers": (_need("endpoint", "127.0.0.1:80", "http"), True, "", ""),
    "nobody answers": (
        _need("endpoint", "127.0.0.1:9154", "http"),
        False,
        "127.0.0.1 port 9154: connection refused",
        "127.0.0.1:9145",
    ),
    "no name service": (_need("name", "app.invalid"), False, "the name app.invalid is not known on this host", ""),
    "a misspelt folder": (
        _need("file", MISSPELT, "index"),
        False,
        f"{MISSPELT}: no such file or directory",
        "/usr/share/nginx/html/index.html",
    ),
    "a cache that nginx makes": (_need("directory", "/var/cache/shop", "cache"), True, "", ""),
    "an address that it lacks": (_need("address", "203.0.113.9"), False, "this host has 127.0.0.1", ""),
    "a user": (_need("user", "www-data"), True, "", ""),
    "a misspelt user": (_need("user", "www-dta"), False, "there is none", "www-data"),
    "a module that no package brings": (
        _need("module", "ngx_http_nosuch_module.so"),
        False,
        "ngx_http_nosuch_module.so is not among nginx's modules here",
        "",
    ),
    "a file that the live tree alone has": (
        _need("file", "/etc/nginx/users", "htpasswd"),
        False,
        "the release does not bring it",
        "",
    ),
}


def test_a_host_says_what_it_has_and_nothing_on_it_changes(host: Host) -> None:
    hold = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 9145)); s.listen(); time.sleep(600)"
    host.sh(f'python3 -c "{hold}" >/dev/null 2>&1 & i=0; until grep -q ":23B9 " /proc/net/tcp; do sleep 0.1; done')
    before = host.files()
    answer = host.ask("probe", needs=[need for need, *_ in NEEDS.values()])
    after = host.files()
    # The engine lay in /tmp for the time of the question.
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"/tmp"}
    assert answer["ok"], answer
    found = {tuple(row["key"]): row for row in answer["needs"]}
    for story, (need, met, seen, near) in NEEDS.items():
        row = found[need["kind"], need["value"]]
        assert row["met"] is met, (story, row)
        assert row["actual"].startswith(seen), story
        if near:
            assert row["near"] == near, story
    assert answer["facts"]["os"].startswith(("debian", "ubuntu"))
    assert answer["facts"]["nginx_version"].count(".") == 2


def test_the_live_tree_comes_without_its_secrets(host: Host) -> None:
    host.sh("echo 'ssl_certificate_key shop.key;' > /etc/nginx/snippets/tls.conf")
    answer = host.ask("probe")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(answer["tree"])), mode="r:gz") as archive:
        names = set(archive.getnames())
    assert answer["withheld"] == ["shop.key", "users"]
    assert {"nginx.conf", "snippets/tls.conf"} <= names
    assert not {"shop.key", "users"} & names
    again = host.ask("probe", known=[answer["live"]])
    assert (again["live"], "tree" in again) == (answer["live"], False)


def test_an_engine_that_is_there_is_used_and_not_changed(host: Host) -> None:
    host.ask("status")
    before = host.files()
    assert host.ask("probe")["ok"]
    after = host.files()
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= {"/tmp"}


def test_preflight_says_what_the_release_needs_and_the_host_lacks(host: Host) -> None:
    need = {**_need("directory", "/srv/shop", "root"), "file": "sites-enabled/shop.conf", "line": 3}
    answer = host.ask("preflight", release="a" * 64, needs=[need, _need("port", "80/tcp")])
    (problem,) = answer["problems"]
    words = "the release needs the directory /srv/shop (root), for sites-enabled/shop.conf:3, and this host lacks it"
    assert problem["what"] == words
    assert 'nginx_needs: ["directory:/srv/shop"]' in problem["fix"]
