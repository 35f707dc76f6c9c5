"""Which hosts are switched together, in which order, what comes between two waves, and in how many rounds they bake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import values
from ..errors import InputError
from ..schema import Model, did_you_mean, key, reader
from ..untrusted import whole_number

__all__ = [
    "PERSON",
    "Inventory",
    "Wave",
    "WaveRow",
    "budget_of",
    "only",
    "read_seconds",
    "read_waves",
    "rounds",
    "waves",
]

PERSON = "person"
"""In place of a time between two waves: somebody has to go on."""

_CANARY = "canary"
_SIZE = "a number of hosts from 1 on, or a share such as 25%"


@dataclass(frozen=True)
class Wave:
    """Hosts that are switched together. ``pause`` is what comes before the next wave: seconds, or ``PERSON``."""

    name: str
    hosts: tuple[str, ...]
    pause: float | str = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the wave as plain data."""
        return {"name": self.name, "hosts": list(self.hosts), "pause": self.pause}


@dataclass(frozen=True)
class Inventory:
    """What an order may name: the groups with their hosts, and the value of a variable of a host, None without one."""

    groups: Mapping[str, Sequence[str]]
    label: Callable[[str, str], object]


@reader("str")
def _size(value: object, where: str) -> str:
    _count(value, where, 1)
    return str(value).strip()


@reader("raw")
def _names(value: object, where: str) -> tuple[str, ...]:
    """Accept a name, or a list of names."""
    rows = value if isinstance(value, list) else [value]
    if not rows:
        raise InputError(where, "the list is empty; name a group, or leave the key out")
    return tuple(values.text(row, where) for row in rows)


@reader("dict")
def _labels(value: object, where: str) -> dict[str, tuple[str, ...]]:
    """Accept host variables with a value, or a list of values."""
    if not isinstance(value, Mapping) or not value:
        raise InputError(where, "this is no mapping of host variables to values, such as {zone: eu-1}")
    return {values.text(name, where): _names(given, f"{where}.{name}") for name, given in value.items()}


@reader("raw")
def _pause(value: object, where: str) -> float | str:
    return PERSON if value == PERSON else read_seconds(where, value, 0, f", or '{PERSON}'")


@dataclass(frozen=True, kw_only=True)
class WaveRow(Model):
    """One row of ``rollout_waves`` that is a mapping."""

    group: tuple[str, ...] = key(
        _names,
        "The hosts are of this group of the inventory. Of a list of groups, each gives its hosts to the wave.",
        absent=(),
    )
    where: dict[str, tuple[str, ...]] | None = key(
        _labels, "Host variables and the value, or a list of values, that hosts of the wave have."
    )
    each: str | None = key(values.text, "A host variable: its values have a wave each, in the order of the hosts.")
    size: str = key(_size, "How many hosts, or which share of those that the row is about.", default="100%")
    pause: float | str = key(
        _pause, "What comes before the next wave: seconds, or C(person), who has to go on.", default=0
    )
    name: str | None = key(values.text, "What the wave is called; by default by its group, value or number.")


def read_waves(value: object, groups: Mapping[str, object]) -> list[WaveRow]:
    """Read ``rollout_waves``: sizes, names of groups and mappings. ``canary`` is one host where no group is called so.

    Raises ``InputError``.
    """
    # -e gives a text where a list is meant.
    rows = value if isinstance(value, list) else str(value).split(",")
    if not rows:
        raise InputError("rollout_waves", "the list is empty; give the size of a wave at least, such as 1 or 25%")
    return [_row(row, f"rollout_waves[{n}]", groups) for n, row in enumerate(rows)]


def _row(value: object, where: str, groups: Mapping[str, object]) -> WaveRow:
    if isinstance(value, Mapping):
        found = WaveRow.read(value, where)
        for name in found.group:
            if name not in groups:
                raise InputError(f"{where}.group", f"the inventory has no group '{name}'{did_you_mean(name, groups)}")
        return found
    word = str(value).strip()
    if isinstance(value, str) and word in groups:
        return WaveRow.read({"group": word}, where)
    if word == _CANARY:
        return WaveRow.read({"size": 1, "name": _CANARY}, where)
    if not _is_size(value):
        raise InputError(where, f"{value!r} is no size of a wave, and no group of the inventory; give {_SIZE}")
    _count(value, where, 1)
    return WaveRow.read({"size": value}, where)


def _is_size(value: object) -> bool:
    return not isinstance(value, bool) and bool(whole_number(str(value).strip().removesuffix("%").strip()))


def waves(rows: Sequence[WaveRow], hosts: Sequence[str], inventory: Inventory) -> list[Wave]:
    """Divide hosts into waves, in their order. Shares are of the hosts that a row is about, rounded down to one host at
    least; the last row repeats until none of its hosts is left.

    Raises ``InputError`` where a host is in no wave: it would never get the release.
    """
    left = dict.fromkeys(hosts)
    found: list[Wave] = []
    for row in rows:
        found += _taken(row, hosts, left, inventory, len(found) + 1)
    while left and rows and (more := list(_taken(rows[-1], hosts, left, inventory, len(found) + 1))):
        found += more
    if left:
        first = ", ".join(list(left)[:3])
        more_hosts = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise InputError("rollout_waves", f"{first}{more_hosts} would be in no wave; end the list with 100%")
    return found


def only(order: Sequence[Wave], hosts: Sequence[str]) -> list[Wave]:
    """Return the waves with those of their hosts that are among ``hosts``, and without those that have none."""
    wanted = frozenset(hosts)
    found = [replace(wave, hosts=tuple(host for host in wave.hosts if host in wanted)) for wave in order]
    found = [wave for wave in found if wave.hosts]
    # After the last wave nothing is waited for.
    return [*found[:-1], replace(found[-1], pause=0.0)] if found else []


def _taken(
    row: WaveRow, hosts: Sequence[str], left: dict[str, None], inventory: Inventory, number: int
) -> Iterator[Wave]:
    """Yield the waves of a row, and take their hosts from those that are ``left``; none where no host is."""
    matching = [host for host in hosts if _matches(row, host, inventory)]
    parts: dict[str, list[str]] = {}
    for host in matching:
        parts.setdefault(str(inventory.label(host, row.each)) if row.each else "", []).append(host)
    for value, members in parts.items():
        taken: dict[str, None] = {}
        for group in row.group or ("",):
            those = [host for host in members if not group or host in inventory.groups[group]]
            wanted = _count(row.size, row.source, len(those)) if those else 0
            taken.update(dict.fromkeys([host for host in those if host in left][:wanted]))
        for host in taken:
            del left[host]
        if taken:
            name = row.name or value or "+".join(row.group) or f"wave {number}"
            yield Wave(f"{row.name} {value}" if row.name and value else name, tuple(taken), row.pause)
            number += 1


def _matches(row: WaveRow, host: str, inventory: Inventory) -> bool:
    if row.group and not any(host in inventory.groups[group] for group in row.group):
        return False
    for name, wanted in (row.where or {}).items():
        value = inventory.label(host, name)
        if value is None or str(value) not in wanted:
            return False
    if row.each and inventory.label(host, row.each) is None:
        raise InputError(
            f"{row.source}.each", f"{host} has no variable '{row.each}'; set it for each host that the row is about"
        )
    return True


def _count(size: object, where: str, of: int) -> int:
    text = str(size).strip()
    number = whole_number(text.removesuffix("%").strip()) if _is_size(size) else None
    if not number:
        raise InputError(where, f"{size!r} is no size of a wave; give {_SIZE}")
    if not text.endswith("%"):
        return number
    if number > 100:
        raise InputError(where, f"{size!r} is more than all hosts; give a share from 1% to 100%")
    return max(1, of * number // 100)


def budget_of(value: object, of: int) -> int:
    """Return how many of ``of`` hosts may fail to be reached, by a number or a share, which is rounded down. Raises
    ``InputError``.
    """
    text = str(value).strip()
    number = None if isinstance(value, bool) else whole_number(text.removesuffix("%").strip())
    is_share = text.endswith("%")
    if number is None or (is_share and number > 100):
        raise InputError(
            "rollout_unreachable_budget", f"{value!r} is no budget; give a number of hosts from 0 on, or a share as 5%"
        )
    return of * number // 100 if is_share else number


def rounds(bake: float, deadline: float, longest: float = math.inf) -> list[float]:
    """Cut a bake into equal rounds, in seconds.

    Between rounds every host pending is asked, which holds its watchdog off; so none is longer than a third of the
    watchdog's ``deadline``, nor than ``longest``. Raises ``InputError`` where there is no number of seconds.
    """
    seconds = [read_seconds("rollout_bake", bake, 0), read_seconds("rollout_confirm_timeout", deadline, 1)]
    number = max(1, math.ceil(seconds[0] / min(seconds[1] / 3, longest)))
    return [round(seconds[0] / number, 3)] * number


def read_seconds(path: str, value: object, least: float, more: str = "") -> float:
    """Return a number of seconds of a user's. Raises ``InputError`` with what was expected, and ``more``."""
    try:
        found = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        found = math.nan
    if not least <= found < math.inf:
        raise InputError(path, f"{value!r} is no number of seconds from {least:g} on{more}")
    return found
