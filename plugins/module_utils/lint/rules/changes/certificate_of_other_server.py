"""A server has the certificate or key that another server has in the live release.

The block was copied, and the path stayed. Where the files can be read, ``certificate_name_mismatch`` and
``certificate_key_mismatch`` look into them; most are on the hosts only. A file that several servers share is made for
several names, and passes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, Key, by_key

LEVEL = "high"

_CERTIFICATE, _KEY = "ssl_certificate", "ssl_certificate_key"


def _paths(scope: BlockScope, name: str) -> list[str]:
    return [each.args[0] for each in scope.own.get(name, ()) if each.args]


def _used(servers: dict[Key, BlockScope]) -> dict[str, set[Key]]:
    """Map the path of each certificate and key to the servers that have it as their own."""
    found: dict[str, set[Key]] = {}
    for key, scope in servers.items():
        for path in [*_paths(scope, _CERTIFICATE), *_paths(scope, _KEY)]:
            found.setdefault(path, set()).add(key)
    return found


def _partners(servers: dict[Key, BlockScope]) -> dict[str, str]:
    """Map each certificate to its key and each key to its certificate."""
    found: dict[str, str] = {}
    for scope in servers.values():
        for certificate, key in zip(_paths(scope, _CERTIFICATE), _paths(scope, _KEY), strict=False):
            found.update({certificate: key, key: certificate})
    return found


def _servers(config: Config, like: Config | None = None) -> dict[Key, BlockScope]:
    return {key: scope for key, scope in by_key(config, like).items() if scope.kind == "server"}


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find servers that gave up a file for that of another, and pairs that do not belong together."""
    before = _servers(live)
    used, partners = _used(before), _partners(before)
    fix = "name the file of this server"
    for key, scope in _servers(config, live).items():
        for name in (_CERTIFICATE, _KEY):
            had = _paths(before[key], name) if key in before else []
            for place, path in zip(scope.own.get(name, ()), _paths(scope, name), strict=False):
                owners = used.get(path, set())
                # A file of several servers is made for several names.
                if had and path not in had and len(owners) == 1 and key not in owners:
                    what = f"{path} is the {name} of another server in the live release: {min(owners)[-1]}"
                    yield finding(place, what, expected=had[0], fix=fix)
        pairs = zip(_paths(scope, _CERTIFICATE), _paths(scope, _KEY), scope.own.get(_KEY, ()), strict=False)
        for certificate, path, place in pairs:
            if path in partners and certificate in partners and partners[path] != certificate:
                what = f"key {path} belongs to {partners[path]} in the live release, not to {certificate}"
                yield finding(place, what, expected=partners[certificate], fix=fix)
