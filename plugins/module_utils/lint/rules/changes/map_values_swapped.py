"""The values of a ``map`` or ``geo`` were swapped, became all the same, or a switch got another default.

``geo $editor { default 1; }`` makes everybody an editor, and no request that was right before is wrong now. A key
that named its value, as ``acme.example acme``, and has the value that another key names shows one customer what
another one has. Upstreams that are swapped, as blue and green, pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"

_WORD = re.compile(r"[a-z0-9]+")
# Shorter words are parts of names by chance.
_SHORTEST = 3
_SWITCH = frozenset({"", "0", "1", "on", "off", "yes", "no", "true", "false"})


def _rows(scope: BlockScope) -> dict[str, str]:
    """Map each key of a map or geo to its value; there the name of a directive is the key."""
    rows = scope.block.block or [] if scope.block else []
    return {row.name: row.args[0] for row in rows if len(row.args) == 1}


def _swapped(old: dict[str, str], new: dict[str, str], upstreams: set[str]) -> tuple[str, str]:
    """Return the key that shows it, and what happened; empty where nothing did."""
    # Blue and green are swapped by every deployment, and requests show it.
    if set(new.values()) <= upstreams:
        return "", ""
    changed = [key for key in new if key in old and old[key] != new[key]]
    became: dict[tuple[str, str], list[str]] = {}
    for key in changed:
        became.setdefault((old[key], new[key]), []).append(key)
    for one in changed:
        for other in became.get((new[one], old[one]), ()):
            if one < other:
                return (
                    other if one == "default" else one,
                    f"the values of {one or repr('')} and {other or repr('')} are swapped",
                )
    if changed and len(set(new.values())) == 1 < len(set(old.values())):
        return changed[0], f"every key has the value {new[changed[0]]!r}"
    if "default" in changed and new["default"] in old.values() and {old["default"], new["default"]} <= _SWITCH:
        return "default", f"the default is now {new['default']!r}, which only some keys had"
    return "", ""


def _names(key: str, value: str) -> bool:
    """Return whether a key has the words of its value in it."""
    words = _WORD.findall(value.lower())
    return max(map(len, words), default=0) >= _SHORTEST and set(words) <= set(_WORD.findall(key.lower()))


def _of_neighbour(old: dict[str, str], new: dict[str, str], upstreams: set[str]) -> tuple[str, str]:
    """Return the key that has the value which another key names, and what happened; empty where none has."""
    kept = {value: key for key, value in new.items() if old.get(key) == value and _names(key, value)}
    for key, value in new.items():
        was = old.get(key, value)
        if was != value and value not in upstreams and _names(key, was) and not _names(key, value) and value in kept:
            return key, f"{key} has {value}, which is the value of {kept[value]}"
    return "", ""


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find maps and geos with the keys of the live release and swapped values."""
    upstreams = {each.args[0] for each in config.named("upstream") if each.args}
    for before, scope in altered(config, live):
        if scope.kind not in ("map", "geo") or scope.block is None:
            continue
        old, new = _rows(before), _rows(scope)
        key, what = _swapped(old, new, upstreams)
        if not what:
            key, what = _of_neighbour(old, new, upstreams)
        if what:
            yield finding(
                next(row for row in scope.block.block or [] if row.name == key),
                f"{scope.text}: {what}",
                expected=f"{key} {old[key]}",
                actual=f"{key} {new[key]}",
                fix="put the values back to their keys",
            )
