"""The release that is brought to the hosts: ten files and ten checks, as in the benchmark of a fleet."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.engine.operations.preflight import operating_system
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import write_receipt
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict

from ..racing.room import checks, files

__all__ = ["made_release"]

_NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    error_log /var/log/nginx/error.log;
    include conf.d/*.conf;
}
"""


def made_release(store: Path, version: int, system: str = "", key: Path | None = None) -> Release:
    """Put a version into a store of releases, with the receipt of gates that it would pass, signed by ``key``.

    ``system`` is the distribution of its hosts, this machine's by default. The gates are no part of what is measured.
    """
    made = {name: trees.file(text.encode(), "benchmark") for name, text in files(version).items()}
    made["nginx.conf"] = trees.file(_NGINX.encode(), "benchmark")
    # How the nginx of a simulated host takes it; a real one does not read this file.
    made["behaviour"] = trees.file(b"fine", "benchmark")
    contract = [to_json(check) for check in parse_contract(checks(version), "nginx_checks")]
    release = ReleaseStore(store).add(trees.overlay(made), contract, [], {"os": system or operating_system()})
    verdicts = [Verdict("pass", "taken for granted by the benchmark", gate=name) for name in GATES]
    write_receipt(Examined(Candidate(("web1",), release), verdicts), "20260101T000000Z-0000", key=key)
    return release
