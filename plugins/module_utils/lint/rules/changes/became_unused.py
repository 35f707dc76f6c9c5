"""The candidate still defines something that only the live release uses: a limit, a cache, a log format, a map.

Its use was lost, so the limit applies to nothing any more. Upstreams pass: which of two is in use changes with every
blue-green deployment, and requests show it. So does what a new definition of its kind has taken the place of.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ..references.unused_definition import named, used

LEVEL = "high"

_SHOWN = ("upstream",)


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find names that only the live release uses."""
    in_use = used(config)
    gone = used(live) - in_use
    known = {(kind, name) for kind, name, _ in named(live)}
    new = [(kind, name.removeprefix("$")) for kind, name, _ in named(config) if (kind, name) not in known]
    # Who renames a map and forgets its use is told by ``nginx -t``.
    replaced = {kind for kind, name in new if kind == "variable" or name in in_use}
    for kind, name, directive in named(config):
        if kind not in {*_SHOWN, *replaced} and name.removeprefix("$") in gone:
            yield finding(
                directive,
                f"{kind} {name} is no longer used; the live release uses it",
                expected="a directive that uses it",
                fix="use it again, or remove it as well",
            )
