"""Headers are set for one path, whose requests ``try_files`` hands to a named location, where they are lost.

``try_files $uri @app`` leads on inside nginx, and what answers is the named location with its own ``add_header``. The
headers of the first location are only for a file of that very path, and who hands the path to a program has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, blocks, location_kind

LEVEL = "medium"
NEW = "high"

# An expression for one path.
_ONE_PATH = re.compile(r"\^/(?:[\w/-]|\\\.)+\$")
_FILES = ("$uri", "$uri/", "/dev/null")


def _is_one_path(location: Directive) -> bool:
    modifier, path = location_kind(location)
    return modifier == "=" or (modifier in ("~", "~*") and _ONE_PATH.fullmatch(path) is not None)


def _headers(scope: BlockScope) -> set[str]:
    return {each.args[0].lower() for each in scope.effective("add_header") if each.args}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers of locations for one path that a named location with a program answers."""
    named = {
        (id(scope.outer.block), location.args[0]): scope
        for scope, location in blocks(config, "location")
        if scope.outer is not None and location.args[:1] and location.args[0].startswith("@")
    }
    for scope, location in blocks(config, "location"):
        tries = scope.own.get("try_files", ())
        server = scope.around("server")
        if server is None or not tries or not tries[0].args or not _is_one_path(location):
            continue
        *files, last = tries[0].args
        target = named.get((id(server.block), last))
        if target is None or not all(each in _FILES for each in files):
            continue
        if not any(name.endswith("_pass") for name in target.own):
            continue
        kept = _headers(target)
        for header in scope.own.get("add_header", ()):
            if header.args and header.args[0].lower() not in kept:
                yield finding(
                    header,
                    f"{header.args[0]} is lost where {last} answers for {location_kind(location)[1]}",
                    expected=f"add_header {header.args[0]} where the answer is made",
                    fix=f"pass requests to the program in this location, or add the header in {last}",
                )
