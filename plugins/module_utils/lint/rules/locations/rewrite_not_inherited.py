"""A ``location`` within another has none of its redirects and refusals: they count where they are written, and only
there.

Timeouts, headers and limits of the outer location hold in the inner one, so it looks as if its ``if`` and its
``rewrite`` did as well. They do not: what is refused or sent elsewhere below ``/repo`` is answered below
``/repo/large`` by whatever is there, mostly a file. An outer ``return`` for everybody is what the inner location is an
exception of, and passes, as do conditions about files, and an inner location with a ``return``, ``rewrite`` or ``if``
of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "low"
NEW = "high"

_OF_REWRITE = ("if", "return", "rewrite")
_REDIRECTS = ("redirect", "permanent")
_OTHER_HOST = ("http://", "https://", "$scheme")
# Challenges and the like are answered whatever else is said.
_FOR_EVERYBODY = "/.well-known"


def _is_about_files(condition: Directive) -> bool:
    return any(word.lstrip("(!").startswith("-") for word in condition.args)


def _sends_away(line: Directive, path: str) -> bool:
    """Return whether a line refuses, or leads elsewhere, what is below a path; "" is any."""
    if line.name == "return":
        return bool(line.args) and line.args[0][:1] in "34h$"
    if line.name != "rewrite" or len(line.args) < 2:
        return False
    if line.args[-1] not in _REDIRECTS and not line.args[1].startswith(_OTHER_HOST):
        return False
    regex = compiled(line.args[0])
    return regex is None or not path or any(regex.search(each) for each in (path, f"{path.rstrip('/')}/a"))


def _lines(outer: Directive, path: str) -> Iterator[Directive]:
    """Yield what an outer location says to some of its requests, and no inner one hears."""
    for line in outer.block or ():
        if (
            line.name == "if"
            and not _is_about_files(line)
            and any(_sends_away(each, path) for each in line.block or ())
        ):
            yield line


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find inner locations that lack the conditions of the outer one."""
    for _, outer in blocks(config, "location"):
        for inner in outer.children("location"):
            kind, path = location_kind(inner)
            if _FOR_EVERYBODY in path or any(each.name in _OF_REWRITE for each in inner.block or ()):
                continue
            missing = next(_lines(outer, "" if kind.startswith("~") else path), None)
            if missing is not None:
                yield finding(
                    inner,
                    f"{missing.text} of {outer.text} does not count in {inner.text}",
                    expected=f"{missing.text} in {inner.text} as well",
                    fix=f"repeat {missing.text} in this location, or write it in the server",
                )
