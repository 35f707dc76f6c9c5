"""The candidate still defines something that only the live release uses: a limit, a cache, a log format, a map.

Its use was lost, so the limit applies to nothing any more. Upstreams pass: which of two is in use changes with every
blue-green deployment, and requests show it. So does what a new definition of its kind has taken the place of, and what
was used by nothing but locations and servers that are gone as a whole, without a new one beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import Key, by_key
from ..references.unused_definition import named, used, words_of

LEVEL = "high"

_SHOWN = ("upstream",)


def _users(config: Config) -> dict[str, set[Key]]:
    """Map each word to the blocks in which a line has it that does not define it."""
    own = {id(directive): name.removeprefix("$") for _, name, directive in named(config)}
    found: dict[str, set[Key]] = {}
    for key, scope in by_key(config).items():
        for line in (each for lines in scope.own.values() for each in lines):
            for word in words_of(line):
                if own.get(id(line)) != word:
                    found.setdefault(word, set()).add(key)
    return found


def _gone(config: Config, live: Config) -> set[Key]:
    """Return the locations and servers that are gone as a whole, where no other came beside them."""
    before, now = by_key(live), by_key(config, live)
    grown = {key[:-1] for key in now.keys() - before.keys()}
    gone = set[Key]()
    for key in before:
        if key[:-1] in gone or (
            key not in now and key[:-1] not in grown and key[-1].startswith(("location", "server"))
        ):
            gone.add(key)
    return gone


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find names that only the live release uses."""
    in_use = used(config)
    gone = used(live) - in_use
    known = {(kind, name) for kind, name, _ in named(live)}
    new = [(kind, name.removeprefix("$")) for kind, name, _ in named(config) if (kind, name) not in known]
    # Who renames a map and forgets its use is told by ``nginx -t``.
    replaced = {kind for kind, name in new if kind == "variable" or name in in_use}
    users, left = _users(live), _gone(config, live)
    for kind, name, directive in named(config):
        if users.get(name.removeprefix("$"), set()) <= left:
            continue
        if kind not in {*_SHOWN, *replaced} and name.removeprefix("$") in gone:
            yield finding(
                directive,
                f"{kind} {name} is no longer used; the live release uses it",
                expected="a directive that uses it",
                fix="use it again, or remove it as well",
            )
