"""Which hosts are switched together, and in how many rounds they bake."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import InputError
from ..untrusted import whole_number

__all__ = ["rounds", "waves"]


def waves(sizes: object, hosts: Sequence[str]) -> list[list[str]]:
    """Divide hosts into waves, in their order. ``sizes`` are numbers of hosts or shares of them all, such as ``25%``,
    which are rounded down to one host at least; the last one repeats until no host is left.

    Raises ``InputError`` for sizes that are none.
    """
    # -e gives a text where a list is meant.
    rows = sizes if isinstance(sizes, list) else str(sizes).split(",")
    numbers = [_hosts_of(f"rollout_waves[{n}]", size, len(hosts)) for n, size in enumerate(rows)]
    if not numbers:
        raise InputError("rollout_waves", "the list is empty; give the size of a wave at least, such as 1 or 25%")
    found: list[list[str]] = []
    begin = 0
    while begin < len(hosts):
        number = numbers[min(len(found), len(numbers) - 1)]
        found.append(list(hosts[begin : begin + number]))
        begin += number
    return found


def _hosts_of(path: str, size: object, of: int) -> int:
    text = str(size).strip()
    digits = text.removesuffix("%").strip()
    number = None if isinstance(size, bool) else whole_number(digits)
    if not number:
        raise InputError(
            path, f"{size!r} is no size of a wave; give a number of hosts from 1 on, or a share such as 25%"
        )
    if not text.endswith("%"):
        return number
    if number > 100:
        raise InputError(path, f"{size!r} is more than all hosts; give a share from 1% to 100%")
    return max(1, of * number // 100)


def rounds(bake: float, deadline: float) -> list[float]:
    """Cut a bake into equal rounds, in seconds.

    Between rounds every host pending is asked, which holds its watchdog off; so none is longer than a third of the
    watchdog's ``deadline``. Raises ``InputError`` where there is no number of seconds.
    """
    seconds = [_seconds("rollout_bake", bake, 0), _seconds("rollout_confirm_timeout", deadline, 1)]
    number = max(1, math.ceil(seconds[0] * 3 / seconds[1]))
    return [round(seconds[0] / number, 3)] * number


def _seconds(path: str, value: object, least: float) -> float:
    try:
        found = float(str(value))
    except ValueError:
        found = math.nan
    if not least <= found < math.inf:
        raise InputError(path, f"{value!r} is no number of seconds from {least:g} on")
    return found
