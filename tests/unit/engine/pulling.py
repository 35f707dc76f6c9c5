"""A simulated host that pulls, and a folder with what is published for it, signed by the real ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Ran, System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull.settings import PullSettings
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull.trial import PullResult, look
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release

__all__ = ["Folder", "PullingHost", "make_key"]

DIGEST = "e" * 64


def make_key(path: Path) -> Path:
    """Make a key that signs."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


class PullingHost(SimulatedHost):
    """It verifies signatures as real hosts do."""

    _said: ClassVar[dict[object, Ran]] = {}

    def run(self, argv: Sequence[str], timeout: float, *more: Any, **named: Any) -> Ran:
        if argv[0] == "ssh-keygen":
            return self._verified(argv, timeout, named.get("data", b""))
        return super().run(argv, timeout, *more, **named)

    def _verified(self, argv: Sequence[str], timeout: float, data: bytes) -> Ran:
        """Return what ssh-keygen says; the same is not asked twice, as a host looks again and again."""
        files = [Path(argv[argv.index(each) + 1]) for each in ("-s", "-f")]
        words = [word for word in argv if word not in map(str, files)]
        asked = (*words, *(path.read_bytes() for path in files), data)
        if asked not in self._said:
            self._said[asked] = System.run(self, argv, timeout, data=data)
        return self._said[asked]

    def trusts(self, key: Path, inventory: str = "production") -> None:
        """Be told who may sign, and have an engine of its own."""
        for path, text in {
            self.layout.allowed_signers: f"ann@desk {key.with_suffix('.pub').read_text()}",
            self.layout.allowed_signers.with_name("inventory"): f"{inventory}\n",
            self.layout.command: "#!/usr/bin/python3 -IS\n",
            self.layout.own / "current": f"{DIGEST} 1\n",
        }.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def look(self, source: str, name: str = "edge1", *, again: bool = False, **more: Any) -> PullResult:
        """Look once at what is published."""
        return look(self, self.layout, PullSettings(source, name, **more), again=again)

    def pulled(self) -> dict[str, Any]:
        """What it remembers."""
        return dict(json.loads((self.layout.root / "pull.json").read_text()))


class Folder:
    """What is published, as ``publishing/folder.py`` writes it."""

    def __init__(self, root: Path, key: Path, host: SimulatedHost) -> None:
        self.root, self.key, self._host = root, key, host
        self.number = 0
        for name in ("content", "targets"):
            (root / name).mkdir(parents=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"file://{self.root}"

    def sign(self, statement: dict[str, Any], namespace: str, key: Path | None = None) -> str:
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key or self.key)]
        data = receipts.canonical(statement)
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()

    def content(self, data: bytes, ending: str) -> dict[str, Any]:
        """Write a file that is named by its content."""
        digest = sha256(data).hexdigest()
        (self.root / "content" / f"{digest}.{ending}").write_bytes(data)
        return {"sha256": digest, "bytes": len(data)}

    def publish(self, name: str, behaviour: str = "fine", *, key: Path | None = None, **changes: Any) -> dict[str, Any]:
        """Publish a release of the simulation, and return the statement; ``changes`` are of the statement."""
        pushed, now = release(name, behaviour), self._host.now()
        form = {"platform": {}, **pushed.form}
        more: dict[str, Any] = {name: changes.pop(name) for name in ("windows", "freezes") if name in changes}
        gates = dict.fromkeys(receipts.GATES, "pass")
        receipt = receipts.issue(
            pushed.id, "r1", now, 24, gates, inventory="production", described=form, moments=more or None
        )
        self.number += 1
        receipt["number"] += self.number
        receipt["digest"] = receipts.digest(receipt)
        described = {"release": form, "receipt": receipt, "signature": self.sign(receipt, "sluice-receipt", key)}
        engine = {"statement": {"digest_of_engine": DIGEST}, "signature": ""}
        facts: dict[str, Any] = {
            "target": "edge1",
            "release": pushed.id,
            "description": self.content(json.dumps(described).encode(), "json"),
            "bundle": self.content(pushed.bundle, "tar.gz"),
            "fleet": self.content(json.dumps({"engine": engine, "sources": {}}).encode(), "json"),
            "bake": 20,
            "confirm_timeout": 30,
            "keep": 5,
            "drift": "adopt-package",
            "canary": {"percent": 100, "minutes": 0},
        }
        statement = receipts.state("publish", now, 24, "production", **facts)
        statement["number"] += self.number
        statement.update(changes)
        self.write({"statement": statement, "signature": self.sign(statement, "sluice-publish", key)})
        return statement

    def write(self, document: object) -> None:
        """Put a document in the place of what is published for the host."""
        self.document.unlink(missing_ok=True)
        self.document.write_text(json.dumps(document))

    @property
    def document(self) -> Path:
        """What is published for the host."""
        return self.root / "targets/edge1.json"
