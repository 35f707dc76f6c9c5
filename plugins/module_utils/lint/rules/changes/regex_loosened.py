r"""An expression lost a backslash or an anchor against the live release, and now matches more.

``location ~ /\.`` hides the files that begin with a dot; ``location ~ /.`` hides every page.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding

LEVEL = "high"

# A path with ``^~`` before it is no expression.
_SIGNS = ("~", "~*", "!~", "!~*")
_MARKS = re.compile(r"[\\^$]")


def _unmarked(pattern: str) -> str:
    return _MARKS.sub("", pattern)


def _is_looser(pattern: str, old: str) -> bool:
    """Return whether a pattern is another one, with which it shares all but the marks, less some of them."""
    return len(_MARKS.findall(pattern)) < len(_MARKS.findall(old))


def _patterns(config: Config) -> Iterator[tuple[str, Directive]]:
    """Yield the regular expressions of a configuration."""
    for directive in config.walk():
        args = directive.args
        if directive.name in ("location", "if") and len(args) > 1:
            yield from ((pattern, directive) for sign, pattern in itertools.pairwise(args) if sign in _SIGNS)
        elif directive.name == "rewrite" and args:
            yield args[0], directive
        else:
            yield from ((word, directive) for word in [directive.name, *args] if word.startswith("~"))


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find expressions that are those of the live release less some of their marks."""
    before = {pattern for pattern, _ in _patterns(live)}
    now = list(_patterns(config))
    gone: dict[str, list[str]] = {}
    for old in sorted(before - {pattern for pattern, _ in now}):
        gone.setdefault(_unmarked(old), []).append(old)
    for pattern, directive in now:
        for old in gone.get(_unmarked(pattern), ()) if pattern not in before else ():
            if _is_looser(pattern, old):
                yield finding(
                    directive,
                    f"{pattern} matches more than {old}, which the live release has",
                    expected=old,
                    fix=f"write {old}",
                )
