"""The challenges by which a client of ACME renews the certificates of a site."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...schema import Model, key, reader
from .paths import Path

__all__ = ["CHALLENGES", "Acme", "acme"]

CHALLENGES = Path("^~", "/.well-known/acme-challenge/")
"""The path of challenges; no regex is asked before it."""

_WEBROOT = "/var/www/acme"


@dataclass(frozen=True, kw_only=True)
class Acme(Model):
    """Where the client puts its tokens: nginx answers challenges from there on the plain ports, before redirects."""

    webroot: str = key(
        values.absolute_path,
        "The directory below which the client writes C(.well-known/acme-challenge), as certbot's C(-w).",
        default=_WEBROOT,
    )


@reader("raw", Acme)
def acme(value: object, where: str) -> Acme | None:
    """Read V(true), a webroot, or the mapping that says more; ``None`` when it is off. Raises ``InputError``."""
    if isinstance(value, bool):
        return Acme.read({}, where) if value else None
    return Acme.read({"webroot": value} if isinstance(value, str) else value, where)
