"""A certificate or key that the live release uses for another server: the block was copied, and the path stayed.

Where the files are at hand, ``certificate_name`` and ``certificate_key`` look into them; most are on the hosts only.
"""

from __future__ import annotations

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Key, Scope, by_key

LEVEL = "high"

_CERTIFICATE, _KEY = "ssl_certificate", "ssl_certificate_key"


def _paths(scope: Scope, name: str) -> list[str]:
    return [each.args[0] for each in scope.own.get(name, ()) if each.args]


def _used(servers: dict[Key, Scope]) -> dict[str, set[Key]]:
    """Map the path of each certificate and key to the servers that have it as their own."""
    found: dict[str, set[Key]] = {}
    for key, scope in servers.items():
        for path in [*_paths(scope, _CERTIFICATE), *_paths(scope, _KEY)]:
            found.setdefault(path, set()).add(key)
    return found


def _partners(servers: dict[Key, Scope]) -> dict[str, str]:
    """Map each certificate to its key and each key to its certificate."""
    found: dict[str, str] = {}
    for scope in servers.values():
        for certificate, key in zip(_paths(scope, _CERTIFICATE), _paths(scope, _KEY), strict=False):
            found.update({certificate: key, key: certificate})
    return found


def _servers(config: Config, like: Config | None = None) -> dict[Key, Scope]:
    return {key: scope for key, scope in by_key(config, like).items() if scope.kind == "server"}


def _finding(what: str, place: Directive, expected: str) -> Finding:
    seen = " ".join([place.name, *place.args])
    return Finding(what, place.file, place.line, expected=expected, seen=seen, mend="name the file of this server")


def run(config: Config, context: Context) -> list[Finding]:
    """Find servers that gave up a file for that of another, and pairs that belong to others."""
    if context.live is None:
        return []
    before = _servers(context.live)
    used, partners = _used(before), _partners(before)
    findings = []
    for key, scope in _servers(config, context.live).items():
        for name in (_CERTIFICATE, _KEY):
            had = _paths(before[key], name) if key in before else []
            for place, path in zip(scope.own.get(name, ()), _paths(scope, name), strict=False):
                owners = used.get(path, set())
                # A file of several servers is made for several names.
                if had and path not in had and len(owners) == 1 and key not in owners:
                    what = f"{path} is the {name} of another server of the live release: {min(owners)[-1]}"
                    findings.append(_finding(what, place, had[0]))
        pairs = zip(_paths(scope, _CERTIFICATE), _paths(scope, _KEY), scope.own.get(_KEY, ()), strict=False)
        for certificate, path, place in pairs:
            if path in partners and certificate in partners and partners[path] != certificate:
                what = f"the key {path} belongs to {partners[path]} in the live release, and not to {certificate}"
                findings.append(_finding(what, place, partners[certificate]))
    return findings
