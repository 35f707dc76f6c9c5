"""Small releases as the controller pushes them, and hosts that the engine answers on, however they are reached."""

from __future__ import annotations

import abc
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import receipt, remote
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import entries_to_json, read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

__all__ = ["PushedHost", "PushedRelease", "pack"]


class PushedRelease:
    """The tree in a folder as a release: its manifest, its bundle and the form of the request."""

    def __init__(
        self,
        folder: Path,
        contract: Sequence[dict[str, Any]] = (),
        kept: Sequence[str] = (),
        workers: int | str = 2,
        outside: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        manifest = read_tree(folder)
        self.id = release_id(manifest)
        self.form: dict[str, Any] = {
            "id": self.id,
            "manifest": entries_to_json(manifest),
            "shared": list(kept),
            "facts": {
                "error_logs": ["/var/log/nginx/error.log"],
                "access_logs": ["/var/log/nginx/access.log"],
                "worker_processes": workers,
                "outside": list(outside),
            },
            "contract": [to_json(check) for check in parse_contract(list(contract), "nginx_checks")],
        }
        self.bundle = pack(folder)
        self.receipt = receipt.issue(self.id, "r1", now(), 24, dict.fromkeys(receipt.GATES, "pass"))


def pack(folder: Path) -> bytes:
    """Return a folder as a bundle."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return buffer.getvalue()


class PushedHost(abc.ABC):
    """A host that is asked as the controller asks."""

    @abc.abstractmethod
    def sh(self, script: str) -> str:
        """Run a script of the shell as root and return what it said."""

    @abc.abstractmethod
    def reboot(self) -> None:
        """Cut the power, and switch it on again."""

    @property
    @abc.abstractmethod
    def body(self) -> str:
        """What the host serves now."""

    @property
    def state(self) -> dict[str, Any]:
        """The engine's state."""
        return dict(json.loads(self.sh("cat /var/lib/sluice/state.json")))

    @property
    def link(self) -> str:
        """Where /etc/nginx leads."""
        return self.sh("readlink /etc/nginx || true")

    @abc.abstractmethod
    def run_engine(self, payload: bytes, user: str) -> tuple[str, str, int]:
        """Run ``remote.command()`` with ``payload`` as ``user``, and return its output, its errors and its code."""

    def ask(self, op: str, run: str = "r1", bundle: bytes = b"", user: str = "root", **request: Any) -> dict[str, Any]:
        """Send one request to the engine."""
        body = {"op": op, "run": {"id": run, "who": "ann", "from": "desk"}, **request}
        return remote.answer(*self.run_engine(remote.payload(body, bundle), user), op)

    def push(self, release: PushedRelease, run: str = "r1", confirm: bool = False, **request: Any) -> dict[str, Any]:
        """Activate a release, and confirm it."""
        request = {"receipt": release.receipt, **request}
        answer = self.ask("activate", run, release.bundle, release=release.form, **request)
        if confirm:
            assert answer["ok"], answer
            finalized = self.ask("confirm", run, release=release.id)
            assert finalized["ok"], finalized
        return answer
