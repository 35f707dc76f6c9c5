"""How a certificate is renewed: what a user declares in ``gates_renewal``, and what hosts and configurations tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from .. import values
from ..errors import InputError
from ..schema import Given, Model, key, listing, mapping, one_of

__all__ = ["CHALLENGES", "CLIENTS", "Renewal", "RenewalRow", "folder_of", "read_renewal"]

CHALLENGES = "/.well-known/acme-challenge"
"""The path below which an authority asks for a token (RFC 8555, 8.3)."""
CLIENTS = ("certbot", "dehydrated", "lego", "acme.sh")
_METHODS = ("webroot", "nginx", "dns", "other")


def folder_of(webroot: str) -> str:
    """Return the folder in which a client that has this webroot puts its tokens."""
    return str(PurePosixPath(webroot)).rstrip("/") + CHALLENGES


@dataclass(frozen=True, kw_only=True)
class RenewalRow(Model):
    """One row of ``gates_renewal``: a certificate and the client that renews it."""

    names: tuple[str, ...] = key(
        listing(values.server_name, empty=False),
        "The host names of the certificate.",
        required=True,
        advice="write a list of host names, as [shop.example, www.shop.example]",
    )
    client: str = key(one_of(*CLIENTS), "The client of ACME.", default="certbot")
    method: str = key(
        one_of(*_METHODS),
        "How the client proves that it has the names: V(webroot) puts a file below O(webroot), V(nginx) is certbot's "
        "plugin. V(dns) and V(other) need nothing of nginx.",
        default="webroot",
    )
    webroot: str | None = key(
        values.absolute_path, "The directory below which the client writes C(.well-known/acme-challenge)."
    )
    challenges: str | None = key(
        values.absolute_path, "The directory of the tokens themselves, as dehydrated's C(WELLKNOWN)."
    )
    certificate: str | None = key(values.absolute_path, "The file that nginx reads, which the client replaces.")
    hook: str | None = key(
        values.text, "The command that the client runs after a renewal, as V(systemctl reload nginx)."
    )

    def check(self, given: Given) -> None:
        """Hold a webroot to one place."""
        if self.method == "webroot" and bool(self.webroot) == bool(self.challenges):
            raise InputError(
                given.where, "a client by webroot has one place for its tokens; write webroot, or challenges"
            )

    @property
    def renewal(self) -> Renewal:
        """What the gate works with."""
        folder = self.challenges or (folder_of(self.webroot) if self.webroot else "")
        return Renewal(
            names=self.names,
            client=self.client,
            method=self.method,
            folder=folder,
            certificate=self.certificate or "",
            hook=self.hook or "",
            source=self.source,
        )


@dataclass(frozen=True)
class Renewal:
    """A certificate for ``names`` and how its ``client`` renews it.

    ``method`` is ``webroot``, ``nginx`` (certbot's plugin), ``dns`` or ``other``; ``folder`` is where tokens are put.
    ``certificate`` and ``key`` are the files that nginx reads. ``hook`` reloads nginx afterwards; empty where nobody
    knows one. ``source`` says in words who told.
    """

    names: tuple[str, ...]
    client: str = "certbot"
    method: str = "webroot"
    folder: str = ""
    certificate: str = ""
    key: str = ""
    hook: str = ""
    source: str = ""


def read_renewal(rows: object) -> Sequence[Renewal]:
    """Read ``gates_renewal``. Raises ``InputError`` that says what is wrong, and where."""
    return [row.renewal for row in listing(mapping(RenewalRow))(rows, "gates_renewal")]
