"""A new IPv4 address is one of the live release with two digits swapped, or a network with a digit lost.

``10.1.4.12`` stands where ``10.1.4.21`` stood, or ``203.0.13.0/24`` in a list that had ``203.0.113.0/24``. Neither a
syntax check nor a request from elsewhere shows it. An address that the live release has somewhere passes, and so
does a block in which several addresses change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"

_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\d.])")
_NAMES = (
    *("server", "listen", "allow", "deny", "set_real_ip_from", "resolver"),
    *("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"),
)
_WITH_ROWS = ("geo", "map")


def _read(directive: Directive) -> Iterator[tuple[str, str]]:
    """Yield the addresses of a line, each with what says how large its network is."""
    text = directive.text
    yield from ((match[1], match[2] or "") for match in _ADDRESS.finditer(text))


def _addresses(scope: BlockScope) -> dict[tuple[str, str], Directive]:
    """Map the addresses written in a block itself to their lines."""
    if scope.kind in _WITH_ROWS:
        lines = scope.block.block or [] if scope.block else []
    else:
        lines = [each for name in _NAMES for each in scope.own.get(name, ()) if each.block is None]
    return {address: each for each in lines for address in _read(each)}


def _are_swapped(one: str, other: str) -> bool:
    differ = [place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there]
    return (
        len(one) == len(other)
        and len(differ) == 2
        and differ[1] == differ[0] + 1
        and one[differ[0]] == other[differ[1]]
        and one[differ[1]] == other[differ[0]]
    )


def _has_lost_digit(one: str, other: str) -> bool:
    """Return whether ``one`` is ``other`` without one digit, in a part that had three."""
    parts = [(here, there) for here, there in zip(one.split("."), other.split("."), strict=True) if here != there]
    if len(parts) != 1 or (len(parts[0][0]), len(parts[0][1])) != (2, 3):
        return False
    return any(parts[0][1][:place] + parts[0][1][place + 1 :] == parts[0][0] for place in range(3))


def _meant(now: tuple[str, str], gone: tuple[str, str]) -> bool:
    """Return whether an address is another one, mistyped."""
    if now[1] != gone[1]:
        return False
    return _are_swapped(now[0], gone[0]) or (bool(now[1]) and _has_lost_digit(now[0], gone[0]))


def _known(config: Config) -> set[tuple[str, str]]:
    return {address for each in config.walk() if each.block is None for address in _read(each)}


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find addresses that stand where the live release has nearly the same ones."""
    known: set[tuple[str, str]] | None = None
    for before, scope in altered(config, live):
        old: Mapping[tuple[str, str], Directive] = _addresses(before)
        new = _addresses(scope)
        gone, come = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
        if len(gone) != 1 or len(come) != 1 or not _meant(come[0], gone[0]):
            continue
        known = _known(live) if known is None else known
        if come[0] not in known:
            was, now = "".join(gone[0]), "".join(come[0])
            yield finding(
                new[come[0]],
                f"{now} is {was} of the live release with a typing error",
                expected=old[gone[0]].text,
                fix=f"write {was}, or accept this finding where {now} is meant",
            )
