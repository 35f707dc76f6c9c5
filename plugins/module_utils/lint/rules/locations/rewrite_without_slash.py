"""A ``rewrite`` makes a path that does not begin with a slash, which no location and no upstream understands.

``rewrite ^ @sorry`` does not lead to ``location @sorry``: only ``error_page`` and ``try_files`` know named locations.
``rewrite ^/app/(.*)$ $1 break`` leaves the slash out, and the upstream is asked for ``GET page``; the slash belongs
into the group, or before ``$1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "medium"
NEW = "high"

_REDIRECTS = ("redirect", "permanent")
# A group that takes what follows a slash: it does not begin with one.
_BEHIND_SLASH = re.compile(r"(?<=/)\((?!\?|[/(])")
_GROUP = re.compile(r"(?<!\\)\((?!\?)")
_BEGINS_WITH_GROUP = re.compile(r"\$\{?([1-9])")


def _lacks_slash(directive: Directive) -> bool:
    """Return whether the path that a rewrite makes has no slash at its beginning, whatever it matches."""
    pattern, target = directive.args[:2]
    group = _BEGINS_WITH_GROUP.match(target)
    if group is None:
        return bool(target) and not target.startswith(("/", "http://", "https://", "$", "?"))
    begins = [found.start() for found in _GROUP.finditer(pattern)][: int(group[1])]
    return len(begins) == int(group[1]) and _BEHIND_SLASH.match(pattern, begins[-1]) is not None


def _is_used(scope: BlockScope) -> bool:
    """Return whether the path as it is made is what an upstream is asked for, or a location is looked for by."""
    target = next((each.args[0] for name in ("proxy_pass", "grpc_pass") for each in scope.own.get(name, ())), "")
    return "$" not in target


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rewrites whose path lost its slash."""
    for scope in scopes(config):
        for directive in scope.own.get("rewrite", ()):
            if len(directive.args) < 2 or directive.args[-1] in _REDIRECTS:
                continue
            named = directive.args[1].startswith("@")
            if _lacks_slash(directive) and (named or _is_used(scope)):
                yield finding(
                    directive,
                    f"{directive.text} makes a path that does not begin with a slash",
                    expected="a path that begins with a slash",
                    fix="use error_page or try_files for a named location" if named else "add the slash",
                )
