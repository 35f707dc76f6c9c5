"""Small releases for benchmarks: the sandbox's own, and a page that tells by a number which of them answered."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import receipt
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

__all__ = ["FLAG", "MARKER", "TAKEN_PORT", "Made", "Maker"]

# The server that every release of a benchmark has beside the sites.
MARKER = "marker.example"
# A file on the host whose presence a check asks for.
FLAG = "/srv/flag.txt"
TAKEN_PORT = 9147

_PAGE = """server {{
    listen 80;
    server_name {host};
    access_log off;
    default_type text/plain;

    location = / {{
        return 200 "{number}";
    }}

    location = /slow {{
        limit_rate 16k;
        sendfile_max_chunk 4k;
        alias /etc/nginx/slow.txt;
    }}

    location = /flag {{
        alias {flag};
    }}
}}
"""
# In three pieces, a quarter of a second between two.
_SLOW_BYTES = 12 << 10


@dataclass(frozen=True)
class Made:
    """A release, ready to be sent: the number that its page tells, its id, and what ``activate`` is given."""

    number: int
    id: str
    request: dict[str, Any]
    bundle: bytes


class Maker:
    """Makes releases of ``base``, each with the next number, from 0 on."""

    def __init__(self, base: Release) -> None:
        self._tree = tree.read_layer(base.tree, "base")
        self._described = base.described
        self._next = 0

    def make(self, *, main: str = "", http: str = "", demanded: str = "", flag: bool = False) -> Made:
        """Make a release. ``main`` and ``http`` are directives to add, ``demanded`` is what a check demands of the page
        in place of its number, and ``flag`` adds a check that ``FLAG`` is there.
        """
        number = self._next
        self._next += 1
        page = _PAGE.format(host=MARKER, number=number, flag=FLAG)
        conf = self._tree["nginx.conf"].data
        added = {
            "nginx.conf": main.encode() + conf,
            "conf.d/marker.conf": (page + http).encode(),
            "slow.txt": b"." * _SLOW_BYTES,
        }
        layer = {path: tree.file(data, "benchmark") for path, data in added.items()}
        checks: list[dict[str, Any]] = [
            {"get": f"http://{MARKER}/", "expect": {"body": demanded or f"/^{number}$/"}},
        ]
        if flag:
            checks.append({"get": f"http://{MARKER}/flag"})
        contract = [to_json(check) for check in parse_contract(checks, "benchmark")]
        with tempfile.TemporaryDirectory() as folder:
            contract = [*self._described["contract"], *contract]
            kept, platform = self._described["shared"], self._described["platform"]
            made = ReleaseStore(Path(folder)).add(tree.overlay(self._tree, layer), contract, kept, platform)
            described = made.described
            form = {name: described[name] for name in ("id", "manifest", "shared", "facts", "contract", "platform")}
            return Made(number, made.id, {"release": form, "receipt": _receipt(made.id)}, made.bundle)


def _receipt(release: str) -> dict[str, Any]:
    """Stand in for the gates, which these releases do not pass one by one."""
    return receipt.issue(release, "benchmark", now(), 24, dict.fromkeys(receipt.GATES, "pass"))
