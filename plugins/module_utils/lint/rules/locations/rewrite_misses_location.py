"""A ``rewrite`` leads to a path whose ``location`` has a slash more, so another location answers.

``rewrite ^ /health last`` does not come to ``location /health/``: what is for all the other paths answers, or nginx
redirects the visitor to ``/health/``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import location_kind

LEVEL = "medium"
NEW = "high"

# They end the way of a request, or send the visitor.
_ENDS = ("break", "redirect", "permanent")


def _target(directive: Directive) -> str:
    if len(directive.args) < 2 or directive.args[-1] in _ENDS:
        return ""
    path = directive.args[1].partition("?")[0]
    return path if path.startswith("/") and "$" not in path and not path.endswith("/") else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rewrites whose path lacks the slash of the location that it is meant for."""
    for server in config.servers():
        prefixes = {location_kind(each)[1] for each in server.children("location")}
        for directive in server.walk():
            path = _target(directive) if directive.name == "rewrite" else ""
            if not path or f"{path}/" not in prefixes:
                continue
            chosen = choose_location(server, path)
            if chosen is None or location_kind(chosen)[1] == "/":
                yield finding(
                    directive,
                    f"{path} is not below location {path}/, so {chosen.text if chosen else 'no location'} answers",
                    expected=f"{path}/",
                    fix="add the slash to the path, or take it from the location",
                )
