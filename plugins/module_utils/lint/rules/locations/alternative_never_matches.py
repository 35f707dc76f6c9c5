r"""One alternative of a location's expression is for paths that no request has.

``location ~ ^/list/(\?user=.*|recent)`` was meant to treat requests with an argument otherwise. nginx compares the path
alone, without arguments, so that alternative does nothing; ``$arg_user`` in a condition or a map has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...impossible_paths import dead_alternative, matches_no_path
from ...scopes import location_kind

LEVEL = "medium"
NEW = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations by expressions of which one alternative matches nothing."""
    for directive in config.named("location"):
        kind, pattern = location_kind(directive)
        if not kind.startswith("~") or matches_no_path(pattern, ignore_case=kind == "~*"):
            continue
        why = dead_alternative(pattern, ignore_case=kind == "~*")
        if why:
            yield finding(
                directive,
                f"one alternative of {directive.text} matches no request: {why}",
                expected="alternatives that are parts of paths",
                fix="ask for $arg_NAME or $args in a condition or a map",
            )
