"""A regular expression is never reached, because an earlier one matches everything that it matches.

nginx tries the expressions of locations and maps in the order of the file and takes the first that matches. The same
expression a second time, or any after ``~ /``, is dead, and nginx does not complain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "high"

_TAKES_ALL = frozenset({"/", "^/", "^", ".*", "^.*$", "^/.*$", "^/.*", "^(.*)$", "^/(.*)$", "(.*)"})


def _expressions(directives: Sequence[Directive], kind: str) -> Iterator[tuple[Directive, str, bool]]:
    """Yield each expression with whether the case of letters does not matter to it."""
    for directive in directives:
        if directive.name == "location" and kind != "map":
            modifier, path = location_kind(directive)
            if modifier.startswith("~"):
                yield directive, path, modifier == "~*"
        elif kind == "map" and directive.name.startswith("~"):
            loose = directive.name.startswith("~*")
            yield directive, directive.name[2 if loose else 1 :], loose


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions that stand a second time in their block, or after one that matches everything."""
    for scope, block in blocks(config, "server", "location", "map"):
        # The first of each expression, with and without regard to case, and the first that matches everything.
        taken: dict[tuple[str, bool], tuple[int, Directive]] = {}
        all_taken: tuple[int, Directive] | None = None
        for number, (directive, pattern, loose) in enumerate(_expressions(block.block or [], scope.kind)):
            earlier = [all_taken, taken.get((pattern, True)), None if loose else taken.get((pattern, False))]
            first = min((each for each in earlier if each is not None), key=itemgetter(0), default=(0, None))[1]
            taken.setdefault((pattern, loose), (number, directive))
            if pattern in _TAKES_ALL:
                all_taken = all_taken or (number, directive)
            if first is not None:
                yield finding(
                    directive,
                    f"{directive.text} is never reached: an earlier expression matches everything that it matches",
                    expected=f"the narrower expression first, and each once; the earlier is {first.file}:{first.line}",
                    fix="remove it, or move it before the other",
                )
