"""An expression that never gets its turn: an earlier one at the same place takes all that it would.

nginx asks regular expressions in the order of the file and takes the first; it complains of no repetition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import location_kind, scopes

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


def run(config: Config, context: Context) -> list[Finding]:
    """Find expressions that stand a second time in their block, or after one that takes everything."""
    findings = []
    for scope in scopes(config):
        if scope.block is None or scope.kind not in ("server", "location", "map"):
            continue
        before: list[tuple[Directive, str, bool]] = []
        for directive, pattern, loose in _expressions(scope.block.block or [], scope.kind):
            first = next(
                (
                    each
                    for each, other, wide in before
                    if other in _TAKES_ALL or (other == pattern and (wide or not loose))
                ),
                None,
            )
            before.append((directive, pattern, loose))
            if first is not None:
                seen = " ".join([directive.name, *directive.args])
                findings.append(
                    Finding(
                        f"{seen} never gets its turn: {first.file}:{first.line} takes all of it before",
                        file=directive.file,
                        line=directive.line,
                        expected="the narrower expression first, and each once",
                        seen=seen,
                        mend="remove it, or move it before the other",
                    )
                )
    return findings
