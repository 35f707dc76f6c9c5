"""The engine on a machine, asked over SSH, and releases for it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import receipt, remote
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import entries_to_json, read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from tests.machines.machine import Machine, Said

__all__ = ["CONF", "Host", "Release"]

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


class Release:
    """A release that answers with ``body``, made in a folder: its manifest, its bundle and the form of the request."""

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
        manifest = read_tree(folder)
        self.body = body
        self.id = release_id(manifest)
        self.form = {
            "id": self.id,
            "manifest": entries_to_json(manifest),
            "shared": list(kept),
            "facts": {
                "error_logs": ["/var/log/nginx/error.log"],
                "access_logs": ["/var/log/nginx/access.log"],
                "worker_processes": workers,
                "outside": [],
            },
            "contract": [to_json(check) for check in parse_contract(contract or [], "nginx_checks")],
        }
        self.bundle = _tar(folder)
        self.receipt = receipt.issue(self.id, "r1", now(), 24, dict.fromkeys(receipt.GATES, "pass"))


def _tar(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return buffer.getvalue()


class Host:
    """A machine on which the engine answers."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def sh(self, script: str, data: bytes = b"") -> str:
        """Run a script of the shell as root and return what it said. Raises ``SluiceError`` where it fails."""
        return self.machine.must(script, data, _SECONDS)

    def try_sh(self, script: str) -> Said:
        """Run a script that may fail."""
        return self.machine.run(script, timeout=_SECONDS)

    def ask(self, op: str, run: str = "r1", bundle: bytes = b"", **request: Any) -> dict[str, Any]:
        """Send one request to the engine."""
        body = {"op": op, "run": {"id": run, "who": "ann", "from": "desk"}, **request}
        done = self.machine.run(remote.command(), remote.payload(body, bundle), _SECONDS)
        return remote.answer(done.output, "", done.code, op)

    def push(self, release: Release, run: str = "r1", *, confirm: bool = False, **request: Any) -> dict[str, Any]:
        """Activate a release, and confirm it."""
        # The clock of a machine that was resumed stands where it was.
        options = {"confirm_timeout": 600.0, **request.pop("options", {})}
        answer = self.ask(
            "activate", run, release.bundle, release=release.form, receipt=release.receipt, options=options, **request
        )
        if confirm:
            assert answer["ok"], answer
            finalized = self.ask("confirm", run, release=release.id)
            assert finalized["ok"], finalized
        return answer

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

    @property
    def state(self) -> dict[str, Any]:
        """The engine's state."""
        return dict(json.loads(self.sh("cat /var/lib/sluice/state.json")))

    @property
    def link(self) -> str:
        """Where /etc/nginx leads."""
        return self.try_sh("readlink /etc/nginx").output

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
