"""One host of the fleet, as the tests reach it: by shells of Docker's and not by SSH, which some of them cut."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from tests.faults.host.container import ContainedMachine
from tests.integration.shells import Shell
from tests.pushed import PushedRelease

__all__ = ["TIMEOUT", "End", "Host", "Release", "make_release", "receipt_for", "until"]

HERE = Path(__file__).parent
TIMEOUT = 90.0
"""How long anything may take on a machine that does much else, in seconds."""

CONF = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    {http}
    server {{
        listen 80;
        {server}
        server_name word.example;
        return 200 '{word}';
    }}
}}
"""

_RESET = """
pkill -9 -f '^[^ ]*python3 -IS' || true
umount -l /var/lib/sluice /var/log/faults 2> /dev/null || true
for path in /usr/bin/python3 /usr/sbin/nginx; do [ ! -e $path-away ] || mv -T $path-away $path; done
[ ! -L /etc/nginx ] || { cp -aL /etc/nginx /etc/nginx-whole && rm /etc/nginx && mv /etc/nginx-whole /etc/nginx; }
rm -rf /var/lib/sluice/* /run/sluice /run/faults /etc/sluice
find /etc/systemd/system -name 'sluice-*' -delete
if [ -d /run/systemd/system ]
then systemctl daemon-reload; systemctl reset-failed; systemctl restart nginx
else nginx -s stop 2> /dev/null || true; nginx
fi
"""


class Release(PushedRelease):
    """A small release: its word is what it answers with."""

    def __init__(self, folder: Path, word: str, contract: Sequence[dict[str, Any]]) -> None:
        super().__init__(folder, contract)
        self.word = word


def make_release(word: str, *, http: str = "", server: str = "", page: str = "") -> Release:
    """Make a release whose contract asks for its word, and for ``page``; ``http`` and ``server`` are more lines."""
    checks: list[dict[str, Any]] = [{"get": "http://word.example/", "expect": {"status": 200, "body": word}}]
    if page:
        checks.append({"get": page})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(CONF.format(word=word, http=http, server=server))
        path.chmod(0o644)
        return Release(Path(folder), word, checks)


def receipt_for(release: str, /, **changed: Any) -> dict[str, Any]:
    """The receipt of the gates for a release; ``changed`` are keys that are to say something else."""
    receipt = {**receipts.issue(release, "the gates", now(), 24, dict.fromkeys(receipts.GATES, "pass")), **changed}
    return {**receipt, "digest": receipts.digest(receipt)}


class End(NamedTuple):
    """How a host is when nobody is at work on it any more."""

    release: str
    word: str
    last: dict[str, Any]


def until(true: Callable[[], bool], what: str, within: float = TIMEOUT) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"after {within:g} s: {what}"
        time.sleep(0.1)


class Host(ContainedMachine):
    """A container that stands for a host."""

    def __init__(self, container: str) -> None:
        super().__init__(container)
        # A story asks on several threads, and one of them may wait for another.
        self._shells = [Shell(container) for _ in range(3)]
        self._is_frozen = False

    def exec(self, *argv: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command in it, as root: by a shell that stays, as one of Docker's own costs 0.1 s and may lose what it
        printed.
        """
        # Whoever is frozen answers no shell, and Docker says so.
        for shell in [] if self._is_frozen else self._shells:
            if done := shell.feed(f"exec {shlex.join(argv)}", data):
                return subprocess.CompletedProcess(argv, done.code, done.output.encode(), done.errors.encode())
        return super().exec(*argv, data=data)

    def reboot(self) -> None:
        """Cut the power, and switch it on again."""
        super().reboot()
        self._forget_shells()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nothing run in it for a while."""
        self._is_frozen = True
        try:
            with super().frozen():
                yield
        finally:
            self._is_frozen = False
            # It may have been killed meanwhile.
            self._forget_shells()

    def _forget_shells(self) -> None:
        for shell in self._shells:
            shell.close()

    @functools.cached_property
    def engine(self) -> str:
        """The folder on the host in which the engine is, brought there by a question that changes nothing."""
        done = self.exec("sh", "-c", remote.command(), data=remote.payload(_request("status", "look")))
        remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, "status")
        return f"/var/lib/sluice/engine/{remote.pack().digest}"

    @functools.cached_property
    def nginx_version(self) -> str:
        """As ``1.22.1``."""
        return self.sh("nginx -v 2>&1").rpartition("/")[2].split()[0]

    def ask(
        self, op: str, run: str, bundle: bytes = b"", *, at: str = "", do: str = "", **request: Any
    ) -> dict[str, Any]:
        """Send one request to the engine, to which ``do`` (pause, die) happens at the point ``at`` of its journal.

        Raises ``SluiceError`` when there is no answer.
        """
        order = {
            "engine": self.engine,
            "request": _request(op, run, **request),
            "bundle_size": len(bundle),
            "at": at,
            "do": do,
        }
        driver = (HERE / "driver.py").read_text()
        command = 'exec python3 -IS -c "$1"'
        done = self.exec("sh", "-c", command, "sh", driver, data=json.dumps(order).encode() + b"\n" + bundle)
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, op)

    def reached(self) -> None:
        """Wait until the engine is at its point."""
        self.wait("[ -e /run/faults/reached ]", "the engine came to its point")

    def let_go(self) -> None:
        """Let the engine go on from its point."""
        self.exec("sh", "-c", "mkdir -p /run/faults; touch /run/faults/go")

    def look(self, *, whole: bool = False, within: float = 0) -> dict[str, Any]:
        """Return how the host is, whatever Sluice says; ``whole`` asks nginx and reads the tree too.

        It waits ``within`` so many seconds until nobody is at work and nothing is pending.
        """
        text = (HERE / "look.py").read_text()
        # Under its full name Python is there even in the story in which it is missing.
        script = 'exec "$(ls /usr/bin/python3.[0-9]* | head -n 1)" -IS -c "$1" "$2" "$3" $4'
        done = self.exec("sh", "-c", script, "sh", text, self.engine, f"{within:g}", "--all" if whole else "")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {"pending": done.stderr.decode()[-300:]}

    def pending(self) -> dict[str, Any]:
        """The trial that the state tells of, or an empty one."""
        found = self.look()["pending"]
        return dict(found) if isinstance(found, dict) else {}

    def end(self, within: float = TIMEOUT) -> End:
        """Wait, doing nothing, until the host is where a host may be left; fails saying what is not so."""
        deadline = time.monotonic() + within
        while True:
            # A look costs more than what it looks at.
            found = self.look(whole=True, within=max(0.0, deadline - time.monotonic()))
            if not _faults(found):
                return End(found["live"], found["word"], found["last"])
            assert time.monotonic() < deadline, f"after {within:g} s: {_faults(found)}\n{found}\n{self.journal()}"
            time.sleep(0.4)

    def reset(self) -> None:
        """Make the host one that Sluice never touched, and let it serve a first release, confirmed."""
        self.sh(_RESET)
        self.__dict__.pop("engine", None)
        release = make_release("first")
        receipt = receipt_for(release.id)
        activated = self.ask("activate", "first", release.bundle, release=release.form, receipt=receipt)
        assert activated["ok"], activated
        confirmed = self.ask("confirm", "first", release=release.id)
        assert confirmed["ok"], confirmed

    def journal(self) -> str:
        """What the host itself wrote down of late."""
        return self.exec("tail", "-n", "40", "/var/lib/sluice/journal.jsonl").stdout.decode()


def _request(op: str, run: str, **request: Any) -> dict[str, Any]:
    return {"op": op, "run": {"id": run, "who": "ann", "from": f"desk-of-{run}"}, **request}


def _faults(found: dict[str, Any]) -> list[str]:
    """Return why a host must not be left like this."""
    if found["pending"] is not None or found["busy"]:
        return ["a release is pending, or somebody is at work"]
    wrong = [
        f"{name} is {found[name]}, and {found['live']} is live"
        for name in ("confirmed", "link", "tree")
        if found.get(name) != found["live"]
    ]
    if found["live"] is None or not re.fullmatch("[0-9a-f]{64}", found["live"]):
        wrong.append("no release is live")
    if found["served"] != found["word"]:
        wrong.append(f"nginx answers {found['served']!r}, and the tree says {found['word']!r}")
    return wrong + [f"the contract does not hold: {check}" for check in found["broken_checks"]]
