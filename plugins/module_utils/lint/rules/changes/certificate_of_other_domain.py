"""A server got a certificate that the live release uses for the names of another domain only.

``*.shop.example`` with the certificate of ``shop.test`` is refused by every browser. A certificate can be made for
several domains, so this is told where all of live's servers with that file belong to one, or most do and its name says
so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...domains import owner_of_server_name
from ...findings import finding
from ...scopes import BlockScope, Key, by_key

LEVEL = "high"

# A server or two of another domain may have the file by mistake.
_MOST = 0.75


def _owners(server: Directive) -> set[str]:
    return {owner for name in server_names(server) if (owner := owner_of_server_name(name))}


def _certificates(config: Config, like: Config | None = None) -> Iterator[tuple[Key, BlockScope, Directive]]:
    """Yield each server that speaks TLS with each certificate in force there."""
    for key, scope in by_key(config, like).items():
        if scope.kind == "server" and scope.block and any(each.tls for each in listeners(scope.block)):
            for directive in scope.effective("ssl_certificate"):
                if directive.args:
                    yield key, scope, directive


def _only_owner(path: str, owners: list[str]) -> str:
    """Return the domain that a certificate is for, by the servers that live has it for; "" where it may be several."""
    if not owners:
        return ""
    most, often = Counter(owners).most_common(1)[0]
    if often == len(owners) or (most in path and often >= _MOST * len(owners)):
        return most
    return ""


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find servers with a certificate that is new to them and that live has for one other domain."""
    had: set[tuple[Key, str]] = set()
    owners: dict[str, list[str]] = {}
    for key, scope, certificate in _certificates(live):
        had.add((key, certificate.args[0]))
        owners.setdefault(certificate.args[0], []).extend(_owners(scope.block) if scope.block else ())
    for key, scope, certificate in _certificates(config, live):
        path = certificate.args[0]
        ours = _owners(scope.block) if scope.block else set()
        other = _only_owner(path, owners.get(path, []))
        if other and ours and not ours & {*owners[path]} and (key, path) not in had:
            place = certificate if certificate in scope.own.get("ssl_certificate", ()) else scope.block
            yield finding(
                place or certificate,
                f"a server of {', '.join(sorted(ours))} has the certificate of {other}: {path}",
                expected=f"a certificate for {', '.join(sorted(ours))}",
                actual=f"{scope.text} {' '.join(server_names(scope.block)) if scope.block else ''}".strip(),
                fix="write the path of its own certificate, or check that this one has these names as well",
            )
