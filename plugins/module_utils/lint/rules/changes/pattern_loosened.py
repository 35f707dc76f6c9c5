"""An expression that lost a backslash or an anchor against the live release, and now takes more than it should.

``location ~ /\\.`` hides the files that begin with a dot; ``location ~ /.`` hides every page.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"

_MARKS = re.compile(r"[\\^$]")


def _unmarked(pattern: str) -> str:
    return _MARKS.sub("", pattern)


def _is_looser(pattern: str, old: str) -> bool:
    """Whether a pattern is another one, with which it shares all but the marks, less some of them."""
    return len(_MARKS.findall(pattern)) < len(_MARKS.findall(old))


def _patterns(config: Config) -> Iterator[tuple[str, Directive]]:
    """Yield the regular expressions of a configuration."""
    for directive in config.walk():
        args = directive.args
        if directive.name in ("location", "if") and len(args) > 1:
            yield from ((pattern, directive) for sign, pattern in itertools.pairwise(args) if "~" in sign[:2])
        elif directive.name == "rewrite" and args:
            yield args[0], directive
        else:
            yield from ((word, directive) for word in [directive.name, *args] if word.startswith("~"))


def run(config: Config, context: Context) -> list[Finding]:
    """Find expressions that are those of the live release less some of their marks."""
    if context.live is None:
        return []
    before = {pattern for pattern, _ in _patterns(context.live)}
    now = list(_patterns(config))
    gone: dict[str, list[str]] = {}
    for old in sorted(before - {pattern for pattern, _ in now}):
        gone.setdefault(_unmarked(old), []).append(old)
    findings = []
    for pattern, directive in now:
        for old in gone.get(_unmarked(pattern), ()) if pattern not in before else ():
            if _is_looser(pattern, old):
                findings.append(
                    Finding(
                        f"{pattern} takes more than {old}, which the live release has",
                        file=directive.file,
                        line=directive.line,
                        expected=old,
                        seen=" ".join([directive.name, *directive.args]),
                        mend=f"write {old}",
                    )
                )
    return findings
