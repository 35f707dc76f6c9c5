r"""A ``location`` does not even get the path that it is called by: an expression takes it.

nginx tries expressions before it takes a prefix. So ``location /settings.js`` beside ``location ~* \.(css|js)$``
answers nothing but what begins like it, as ``/settings.js.map``; the file itself comes from the other place.
``location =``, or ``^~``, is meant. One that only says how it is logged or kept is no loss, and an expression from
``^`` to ``$`` was written for its very path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "low"
NEW = "high"

_ANSWERS = ("alias", "deny", "internal", "return", "rewrite", "root", "stub_status", "try_files")
_MOST_LOCATIONS = 3_000


def _answers(location: Directive) -> bool:
    """Return whether a location says what its requests get, and not only how that is kept or logged."""
    return any(each.name.endswith("_pass") or each.name in _ANSWERS for each in location.block or ())


def _content(location: Directive) -> list[str]:
    return sorted(each.text for each in location.block or ())


def _takes(expression: Directive, path: str) -> bool:
    kind, pattern = location_kind(expression)
    if pattern.startswith("^") and pattern.endswith("$"):
        return False
    regex = compiled(pattern, kind == "~*")
    return regex is not None and regex.search(path) is not None


def _own(locations: Sequence[Directive]) -> Iterator[tuple[Directive, str]]:
    """Yield the plain prefixes that no exact location stands beside, with their paths."""
    exact = {path for kind, path in map(location_kind, locations) if kind == "="}
    for each in locations:
        kind, path = location_kind(each)
        if kind == "" and path.startswith("/") and path != "/" and path not in exact:
            yield each, path


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find prefixes whose own path an expression takes."""
    for _, block in blocks(config, "server", "location"):
        locations = block.children("location")
        expressions = [each for each in locations if location_kind(each)[0].startswith("~")]
        if not expressions or len(locations) > _MOST_LOCATIONS:
            continue
        for location, path in _own(locations):
            if not _answers(location) or location.children("location"):
                continue
            taker = next((each for each in expressions if _takes(each, path)), None)
            if taker is not None and _content(taker) != _content(location):
                yield finding(
                    location,
                    f"{location.text} does not get {path} itself: {taker.text} takes it",
                    expected=f"location = {path}, or ^~ before the prefix",
                    fix=f"write location = {path} for this one path, or location ^~ {path} for all below it",
                )
