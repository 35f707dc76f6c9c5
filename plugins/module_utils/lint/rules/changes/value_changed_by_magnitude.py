"""A quantity is far from its value in the live release: by a factor of 30, or with the same digits and another unit.

``20m`` became ``20k``, ``30d`` became ``30``, ``5r/s`` became ``5r/m``, a timeout lost a digit (``95s``, ``9s``), or
one of an hour was dropped and is a minute again. No syntax check and no request shows it; the first large upload does.
Equal values (``1m``, ``60s``) and smaller changes pass, and so do more than nginx's own value where none was written,
and for sessions of TLS the day that guides recommend and nginx's own five minutes, and less than a hundred times as
much room for uploads, and a longer timeout of up to an hour. A line that was moved to another block was narrowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...measures import Quantity, is_measured, measures, usual
from ...scopes import BlockScope, altered, by_key, place_of
from ...values import unit

LEVEL = "high"

_JUMP = 30
# Whoever lets larger files in may mean videos.
_ROOMY = 100
# Who waits longer loses no request, and an hour is what balancers and uploads ask for.
_PATIENT = 3600
# Falling back to nginx's own value is no tuning, so less of it is enough.
_FALL = 5
# With too little of these, requests fail.
_NARROW = ("_timeout", "_body_size", "worker_connections", "_rlimit_nofile")
_PROTOCOLS = ("proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached")
# Either is right: a session that has ended costs a handshake.
_RECOMMENDED = {"ssl_session_timeout": (300, 24 * 3600)}

# Servers of an upstream, zones and caches are their block's own; the others hold in the blocks within.
_UNSHARED = ("server", "_path", "_zone")
# These are compared where they stand, although requests end in blocks within.
_OF_WHOLE = (
    *("worker_", "client_header_timeout", "client_header_buffer_size", "ssl_session_timeout", "ssl_session_cache"),
    *("resolver",),
)


def _is_sent(name: str, scope: BlockScope) -> bool:
    """Return whether a request goes on by the protocol that a quantity is about, where it is about one."""
    protocol = name.partition("_")[0]
    return scope.block is None or protocol not in _PROTOCOLS or scope.passes_on(protocol)


def _matters(name: str, scope: BlockScope, own: bool) -> bool:
    if not is_measured(name) or name.endswith(_UNSHARED):
        return own and is_measured(name)
    return scope.answers or (own and name.startswith(_OF_WHOLE))


def _in_force(scope: BlockScope) -> dict[tuple[str, str], Quantity]:
    """Map name and subject of each quantity that matters in a block to the one in force there."""
    found: dict[tuple[str, str], Quantity] = {}
    names: set[str] = set()
    around: BlockScope | None = scope
    while around is not None:
        for name, directives in around.own.items():
            if name not in names and _matters(name, scope, around is scope):
                names.add(name)
                found.update({(name, each.what): each for one in directives for each in measures(one)})
        around = around.outer
    return found


def _jumped(before: Quantity, now: Quantity) -> bool:
    if before.size == now.size:
        return False
    if before.directive is None and now.size > before.size:
        return False
    if 0 in (before.size, now.size):
        return True
    same_digits = now.directive is not None and unit(before.text)[0] == unit(now.text)[0]
    if before.directive is not None and _has_lost_digit(before, now):
        return True
    if not same_digits and _waits_longer(before, now):
        return False
    factor = max(before.size / now.size, now.size / before.size)
    roomy = now.directive is not None and now.directive.name == "client_max_body_size" and now.size > before.size
    return same_digits or factor >= (_ROOMY if roomy else _JUMP if now.directive else _FALL)


def _waits_longer(before: Quantity, now: Quantity) -> bool:
    """Return whether a timeout that was written is a longer one, and still no more than somebody waits for."""
    if before.directive is None or now.directive is None or not now.directive.name.endswith("_timeout"):
        return False
    return before.size < now.size <= _PATIENT


def _has_lost_digit(before: Quantity, now: Quantity) -> bool:
    """Return whether a quantity is the one before without one of its digits, and far less. A zero is taken off by who
    wants a tenth, and how long a cache keeps what is tuned up and down.
    """
    if now.directive is None or not now.directive.name.endswith(_NARROW):
        return False
    (old, measure), (new, same) = unit(before.text), unit(now.text)
    if measure != same or len(old) != len(new) + 1 or before.size < now.size * _FALL:
        return False
    return any(old[place] != "0" and old[:place] + old[place + 1 :] == new for place in range(len(old)))


def _changes(before: BlockScope, now: BlockScope) -> Iterator[tuple[str, Quantity, Quantity]]:
    old, new = _in_force(before), _in_force(now)
    alike = before.answers == now.answers
    for name, what in sorted(old.keys() | new.keys()):
        # A server whose requests all end in locations now, or no longer, is not the block that it was.
        if not alike and not name.startswith(_OF_WHOLE):
            continue
        otherwise = None if what else usual(name)
        one, other = old.get((name, what), otherwise), new.get((name, what), otherwise)
        if one is None or other is None or other.size in _RECOMMENDED.get(name, ()) or not _is_sent(name, now):
            continue
        if _jumped(one, other):
            yield f"{name} {what}".strip(), one, other


def _moved(config: Config, live: Config) -> set[str]:
    """Return the lines that stand in a block which had them not: who moves a value there has narrowed it."""
    before, moved = by_key(live), set[str]()
    for key, scope in by_key(config, live).items():
        for name, directives in scope.own.items():
            stood = {one.text for one in before[key].own.get(name, ())} if key in before else set()
            moved.update(text for text in (each.text for each in directives) if text not in stood)
    return moved


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find quantities in force in a block that are far from those in the same block of the live release."""
    # What many blocks inherit is one change.
    reported: set[tuple[str, int, int]] = set()
    moved = _moved(config, live)
    for before, scope in altered(config, live):
        for name, one, other in _changes(before, scope):
            change = (name, id(one.directive), id(other.directive))
            if other.directive is None and one.directive is not None and one.directive.text in moved:
                continue
            if change not in reported:
                reported.add(change)
                gone = "" if other.directive else ", nginx's default, because the line is gone"
                yield finding(
                    other.directive or place_of(scope, config),
                    f"{name} changes from {one.text} to {other.text}{gone}",
                    expected=f"about {one.text}",
                    actual=f"{name} {other.text}",
                    fix="check digits and unit",
                )
