"""``gzip_static`` or ``brotli_static`` is on, but no file below the document root was compressed beforehand.

nginx then looks for a file that is not there with each request, and compresses nothing unless ``gzip`` is on as well.
Where the document root is known (``staging_docroots``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import scopes

LEVEL = "low"

_EXTENSIONS = {"gzip_static": "gz", "brotli_static": "br"}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find directives for compressed files where the known document root has none."""
    for scope in scopes(config):
        for name, extension in _EXTENSIONS.items():
            for directive in scope.own.get(name, ()):
                root = scope.value("root") or next((each.args[0] for each in scope.own.get("alias", ())), "")
                known = context.extensions_below(root) if root else frozenset()
                if directive.args[:1] not in (["off"], []) and known and extension not in known:
                    yield finding(
                        directive,
                        f"no file below {root} ends in .{extension}, so {directive.text} does nothing",
                        expected=f"files with .{extension} beside those that are served, or {name} off",
                        fix=f"compress the files when they are built, or use {name.partition('_')[0]} on",
                    )
