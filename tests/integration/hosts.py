"""Containers that stand for hosts, with a real nginx and no systemd, and releases for them.

They are reached through ``docker exec`` instead of SSH.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from tests.containers import RunContainer
from tests.integration.shells import Shell
from tests.pushed import PushedHost, PushedRelease

__all__ = ["ASK", "CONF", "Host", "host", "new_host", "release", "words"]

# Asks 127.0.0.1 for its page; as a program it costs a third of what urllib does. What is no 200 is an error.
ASK = """
import socket
with socket.create_connection(("127.0.0.1", 80), 3) as way:
    way.sendall(b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n")
    head, _, body = b"".join(iter(lambda: way.recv(65536), b"")).partition(b"\\r\\n\\r\\n")
assert head.split()[1] == b"200", head
print(body.decode().strip())
"""
# Asks every 5 ms on a fresh connection until it is told to end, and prints how often each answer came.
_PROBE = """
import collections, http.client, json, os, time
seen = collections.Counter()
while not os.path.exists("/tmp/stop"):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=3)
        connection.request("GET", "/")
        answer = connection.getresponse()
        seen[f"{answer.status} {answer.read().decode().strip()}"] += 1
    except Exception as error:
        seen[type(error).__name__] += 1
    finally:
        connection.close()
    if sum(seen.values()) == 1:
        print(flush=True)
    time.sleep(0.005)
print(json.dumps(seen))
"""

CONF = """user www-data;
worker_processes {workers};
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
{main}
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    server {{
        listen 80;
        {server}
        location / {{ default_type text/plain; return {status} "{body}\\n"; }}
    }}
}}
"""


class Host(PushedHost):
    """One container that stands for a host."""

    def __init__(self, container: str) -> None:
        self.container = container
        self._shell = Shell(container)

    def sh(self, script: str, check: bool = True) -> str:
        """Run a script of the shell on the host."""
        done = self._shell.run(script)
        if done is None:
            return self.apart(script, check)
        assert not check or done.code == 0, self._shell.errors()
        return done.output.strip()

    def apart(self, script: str, check: bool = True) -> str:
        """Run a script that takes long, beside others."""
        argv = ["docker", "exec", self.container, "sh", "-c", script]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def reboot(self) -> None:
        self._shell.close()
        for words in (["kill"], ["start"]):
            subprocess.run(["docker", *words, self.container], capture_output=True, check=True)

    def run_engine(self, payload: bytes, user: str) -> tuple[str, str, int]:
        command = f"echo a banner; {remote.command()}"
        if user == "root" and (fed := self._shell.feed(command, payload)):
            return fed
        done = subprocess.run(
            ["docker", "exec", "-i", "-u", user, self.container, "sh", "-c", command],
            input=payload,
            capture_output=True,
            check=False,
        )
        return done.stdout.decode(), done.stderr.decode(), done.returncode

    @property
    def body(self) -> str:
        """What the host serves now."""
        return self.sh('python3 -IS -c "$ASK"')

    def kill_nginx(self) -> None:
        """Let the master and its workers die at once."""
        self.sh("master=$(cat /run/nginx.pid); kill -9 $master $(cat /proc/$master/task/$master/children); sleep 0.2")

    @contextlib.contextmanager
    def beside(self, program: str, *before: str) -> Iterator[Callable[[], Any]]:
        """Run a program of Python all the while, from its first line on, and stop it; yield what it says at the end.

        The program prints a line when it is at work, ends when ``/tmp/stop`` is there, and prints JSON then. What comes
        ``before`` it is the command that runs it.
        """
        self.sh("rm -f /tmp/stop")
        argv = ["docker", "exec", self.container, *before, "python3", "-c", program]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            process.stdout.readline()
            said: list[str] = []
            try:
                yield lambda: json.loads(said[0])
            finally:
                self.sh("touch /tmp/stop")
                said.append(process.stdout.read())

    def probed(self) -> contextlib.AbstractContextManager[Callable[[], dict[str, int]]]:
        """Ask all the while; yield how often each answer came."""
        return self.beside(_PROBE)


@pytest.fixture
def new_host(run_container: RunContainer, host_image: str) -> Callable[..., Host]:
    """Make hosts that serve what somebody wrote by hand."""

    def make(namespaces: bool = True) -> Host:
        rights = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"] if namespaces else []
        options = ["--init", "--network", "none", "-e", f"ASK={ASK}", *rights]
        host = Host(run_container(*options, host_image, "sleep", "infinity"))
        conf = CONF.format(workers=2, main="", server="", status=200, body="by hand")
        host.sh(f"printf %s {shlex.quote(conf)} > /etc/nginx/nginx.conf && nginx -g 'daemon on; master_process on;'")
        return host

    return make


@pytest.fixture
def host(new_host: Callable[..., Host]) -> Host:
    """A host that allows private mount namespaces."""
    return new_host()


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., PushedRelease]:
    """Make releases: ``body`` is what they answer."""

    def make(
        body: str,
        *,
        main: str = "",
        server: str = "",
        workers: int = 2,
        status: int = 200,
        files: dict[str, str] | None = None,
        links: dict[str, str] | None = None,
        contract: list[dict[str, Any]] | None = None,
    ) -> PushedRelease:
        folder = tmp_path / f"{body}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        conf = CONF.format(workers=workers, main=main, server=server, status=status, body=body)
        for name, text in {"nginx.conf": conf, "mime.types": "types { text/plain txt; }\n", **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        for name, target in (links or {}).items():
            (folder / name).symlink_to(target)
        return PushedRelease(folder, contract or (), tuple(links or ()), outside=("/srv/users",))

    return make


def words(answer: dict[str, Any]) -> str:
    """Everything that an answer says to a person."""
    return json.dumps(answer["problems"])
