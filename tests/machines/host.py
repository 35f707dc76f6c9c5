"""The engine on a machine, asked over SSH, and releases for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from tests.machines.machine import Machine, Said
from tests.pushed import PushedHost, PushedRelease

__all__ = ["CONF", "WATCHDOG_SECONDS", "Host", "Release", "words"]

WATCHDOG_SECONDS = 600.0
"""Within which a watchdog has rolled back, and a boot has ended, on a busy machine."""

CONF = """user www-data;
worker_processes {workers};
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
{main}
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    {http}
    server {{
        listen {port};
        {server}
        location / {{ default_type text/plain; return 200 "{body}\\n"; }}
    }}
}}
"""
_SECONDS = 900.0


class Release(PushedRelease):
    """A release that answers with ``body``, made in a folder."""

    def __init__(
        self,
        folder: Path,
        body: str,
        *,
        main: str = "",
        http: str = "",
        server: str = "",
        port: str = "80",
        workers: int | str = 2,
        files: dict[str, str] | None = None,
        kept: tuple[str, ...] = (),
        contract: list[dict[str, Any]] | None = None,
    ) -> None:
        text = CONF.format(body=body, main=main, http=http, server=server, port=port, workers=workers)
        for name, content in {"nginx.conf": text, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o644)
        for name in kept:
            (folder / name).symlink_to(f"/var/lib/sluice/shared/{name}")
        super().__init__(folder, contract or (), kept, workers)
        self.body = body


class Host(PushedHost):
    """A machine on which the engine answers."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def sh(self, script: str, data: bytes = b"") -> str:
        """As everywhere. Raises ``SluiceError`` where it fails."""
        return self.machine.must(script, data, _SECONDS)

    def try_sh(self, script: str) -> Said:
        """Run a script that may fail."""
        return self.machine.run(script, timeout=_SECONDS)

    def reboot(self) -> None:
        self.machine.restart()

    def run_engine(self, payload: bytes, user: str) -> tuple[str, str, int]:
        done = self.machine.run(remote.command(), payload, _SECONDS)
        return done.output, "", done.code

    def push(self, release: PushedRelease, run: str = "r1", confirm: bool = False, **request: Any) -> dict[str, Any]:
        """Activate a release, and confirm it."""
        # The clock of a machine that was resumed stands where it was.
        options = {"confirm_timeout": 600.0, **request.pop("options", {})}
        return super().push(release, run, confirm, options=options, **request)

    def finalized(self, seconds: float) -> dict[str, Any]:
        """Wait until nothing is pending any more, and return the state then."""
        until = time.monotonic() + seconds
        while True:
            state = self.state
            if state["pending"] is None:
                return state
            assert time.monotonic() < until, f"after {seconds:g} s a release is still pending: {state['pending']}"
            time.sleep(2)

    @property
    def body(self) -> str:
        """What the host serves now."""
        ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1/', timeout=20).read().decode().strip())"
        return self.sh(f'python3 -IS -c "{ask}"')

    def label(self, path: str) -> str:
        """Return the type of SELinux that a path has."""
        return self.sh(f"stat -c %C {path}").split(":")[2]

    def denials(self) -> list[str]:
        """Return the denials that concern nginx, or a file of Sluice's or of nginx's; what else Debian's own boot meets
        is no business of these tests.
        """
        lines = self.sh("journalctl -q --no-pager -o cat -b all _TRANSPORT=audit + _TRANSPORT=kernel").splitlines()
        denied = [line for line in lines if "avc:  denied" in line.replace("AVC avc", "avc")]
        ours = ("httpd_", 'comm="nginx"', 'comm="python3"', 'comm="python', "sluice")
        return [line for line in denied if any(word in line for word in ours)]


def words(answer: dict[str, Any]) -> str:
    """Everything that an answer says of problems."""
    return "\n".join(" ".join(problem.values()) for problem in answer["problems"])
