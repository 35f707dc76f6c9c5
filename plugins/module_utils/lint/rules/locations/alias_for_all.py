r"""A location by an expression has a folder as its ``alias``, so every path of it is that folder.

Behind a prefix, nginx adds the rest of the path to ``alias``. Behind an expression it adds nothing: ``location ~
^/(docs|help)/ { alias /srv/pages; }`` looks for ``/srv/pages`` whatever is asked. A group of the expression, as
``alias /srv/pages/$1``, or ``root`` is meant.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import location_kind

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find folders without a variable as the alias of an expression."""
    for location in config.named("location"):
        if not location_kind(location)[0].startswith("~"):
            continue
        for directive in location.children("alias"):
            path = directive.args[0] if directive.args else ""
            # What has an ending, or no letters of a case but capitals, is a file.
            name = posixpath.basename(path)
            if path and "$" not in path and "." not in name and not name.isupper():
                yield finding(
                    directive,
                    f"every request of {location.text} is for {path} itself: behind an expression nothing is added to"
                    " alias",
                    expected=f"alias {path.rstrip('/')}/$1, with a group in the expression",
                    fix="add the group, or use root",
                )
