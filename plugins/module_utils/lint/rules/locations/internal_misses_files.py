r"""An internal place gets not all files that a program sends from it: an expression takes those with some endings.

``X-Accel-Redirect: /attached/a.png`` is a new path to nginx, so ``location ~* \.(css|png)$`` takes it before ``location
/attached/ { internal; }``, and answers from its own folder, or with a redirect. ``^~`` keeps the prefix first.
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

# What people attach, and what nginx has places for.
_ENDINGS = ("png", "jpg", "gif", "pdf")
_MOST_LOCATIONS = 3_000


def _taken(path: str, expressions: list[Directive]) -> tuple[str, Directive] | None:
    for each in expressions:
        kind, pattern = location_kind(each)
        regex = compiled(pattern, kind == "~*")
        plain = f"{path.rstrip('/')}/name"
        if regex is None or regex.search(plain) is not None:
            continue
        ending = next((one for one in _ENDINGS if regex.search(f"{plain}.{one}") is not None), "")
        if ending:
            return f"{plain}.{ending}", each
    return None


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find internal prefixes with a folder, some of whose files an expression takes."""
    for _, block in blocks(config, "server", "location"):
        locations = block.children("location")
        expressions = [each for each in locations if location_kind(each)[0].startswith("~")]
        if not expressions or len(locations) > _MOST_LOCATIONS:
            continue
        for location in locations:
            kind, path = location_kind(location)
            if kind or not path.startswith("/") or not location.children("internal"):
                continue
            if not (location.children("alias") or location.children("root")):
                continue
            taken = _taken(path, expressions)
            if taken is not None:
                name, taker = taken
                yield finding(
                    location,
                    f"{location.text} does not get {name}: {taker.text} takes it",
                    expected=f"location ^~ {path}",
                    fix=f"write location ^~ {path}",
                )
