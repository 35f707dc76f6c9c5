"""A request is passed on to a named location that the server does not have.

nginx accepts ``error_page 502 @sorry;`` without ``location @sorry``, and the visitor gets a 500 just when something
else is broken already.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....closest_match import typo_of
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_PASSES_ON = ("error_page", "try_files", "post_action")


def _passed_on(block: Directive) -> Iterator[tuple[Directive, str]]:
    """Yield what passes requests on in a block, with the name of the location."""
    for directive in block.walk():
        target = directive.args[-1] if directive.name in _PASSES_ON and directive.args else ""
        if target.startswith("@") and "$" not in target:
            yield directive, target


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find names of locations that their server does not have."""
    for server in config.servers():
        # nginx allows named locations directly in the server only.
        known = {each.args[-1] for each in server.children("location") if each.args and each.args[-1].startswith("@")}
        for directive, target in _passed_on(server):
            if target not in known:
                near = typo_of(target, known)
                yield finding(
                    directive,
                    f"location {target} does not exist in this server" + (f"; did you mean {near}?" if near else ""),
                    expected=f"one of {', '.join(sorted(known))}" if known else f"location {target} {{ … }}",
                    fix=f"write {near}" if near else f"add location {target} to the server, or name another page",
                )
