"""An expression that never gets its turn: an earlier one at the same place takes all that it would.

nginx asks regular expressions in the order of the file and takes the first; it complains of no repetition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

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
        # The first of each expression, with and without regard to case, and the first that takes all.
        taken: dict[tuple[str, bool], tuple[int, Directive]] = {}
        all_taken: tuple[int, Directive] | None = None
        for number, (directive, pattern, loose) in enumerate(_expressions(scope.block.block or [], scope.kind)):
            earlier = [all_taken, taken.get((pattern, True)), None if loose else taken.get((pattern, False))]
            first = min((each for each in earlier if each is not None), key=itemgetter(0), default=(0, None))[1]
            taken.setdefault((pattern, loose), (number, directive))
            if pattern in _TAKES_ALL:
                all_taken = all_taken or (number, directive)
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
