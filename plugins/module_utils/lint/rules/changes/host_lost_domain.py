"""A server of an upstream is called by its first name alone, where all of that upstream had a domain in live.

``shop-2`` is found only where the resolver of each host adds the domain that is meant, and nginx does not start, or
does not reload, where one does not. An upstream that is new, or whose hosts never had one domain, passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"

_NAME = re.compile(r"([A-Za-z][\w-]*)((?:\.[\w-]+)*)(?::\d+)?$")
_LOCAL = "localhost"
_FEWEST = 2


def _members(scope: BlockScope) -> list[tuple[Directive, str, str]]:
    """Return the servers of an upstream that have a name: the line, its first part, and its domain."""
    read = ((each, _NAME.fullmatch(each.args[0])) for each in scope.own.get("server", ()) if each.args)
    return [(each, match[1], match[2]) for each, match in read if match and match[1] != _LOCAL]


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find servers without the domain that all servers of their upstream had."""
    for before, now in altered(config, live):
        domains = [domain for _, _, domain in _members(before)] if now.kind == "upstream" else []
        if len(domains) < _FEWEST or len(set(domains)) != 1 or not domains[0]:
            continue
        for line, name, domain in _members(now):
            if not domain:
                yield finding(
                    line,
                    f"{name} has no domain, and all servers of {now.text} were below {domains[0].lstrip('.')}",
                    expected=f"{name}{domains[0]}",
                    fix=f"write {name}{domains[0]}",
                )
