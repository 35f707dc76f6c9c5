"""A server got a certificate that the live release uses for the names of another domain only.

``*.shop.example`` with the certificate of ``shop.test`` is refused by every browser. A certificate can be made for
several domains, so this is told where all of live's servers with that file belong to one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...domains import owner_of_server_name
from ...findings import finding
from ...scopes import Key, Scope, by_key

LEVEL = "high"


def _owners(server: Directive) -> set[str]:
    return {owner for name in server_names(server) if (owner := owner_of_server_name(name))}


def _certificates(config: Config, like: Config | None = None) -> Iterator[tuple[Key, Scope, Directive]]:
    """Yield each server that speaks TLS with each certificate in force there."""
    for key, scope in by_key(config, like).items():
        if scope.kind == "server" and scope.block and any(each.tls for each in listeners(scope.block)):
            for directive in scope.effective("ssl_certificate"):
                if directive.args:
                    yield key, scope, directive


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find servers with a certificate that is new to them and that live has for one other domain."""
    had: set[tuple[Key, str]] = set()
    owners: dict[str, set[str]] = {}
    for key, scope, certificate in _certificates(live):
        had.add((key, certificate.args[0]))
        owners.setdefault(certificate.args[0], set()).update(_owners(scope.block) if scope.block else ())
    for key, scope, certificate in _certificates(config, live):
        path, known = certificate.args[0], owners.get(certificate.args[0], set())
        ours = _owners(scope.block) if scope.block else set()
        if ours and len(known) == 1 and not ours & known and (key, path) not in had:
            (other,) = known
            place = certificate if certificate in scope.own.get("ssl_certificate", ()) else scope.block
            yield finding(
                place or certificate,
                f"a server of {', '.join(sorted(ours))} has the certificate of {other}: {path}",
                expected=f"a certificate for {', '.join(sorted(ours))}",
                seen=f"{scope.text} {' '.join(server_names(scope.block)) if scope.block else ''}".strip(),
                fix="write the path of its own certificate, or check that this one has these names as well",
            )
