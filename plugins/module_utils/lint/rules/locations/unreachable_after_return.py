"""A ``return`` answers every request of its block, so what follows it there is dead.

``return`` runs before nginx looks for a location or a file: in a server it answers instead of all of its locations,
that of the certificate's challenge included; in a location nothing is passed on any more, whatever ``proxy_pass`` says,
and no file of its ``alias`` is sent.
Locations within a location are chosen before its ``return``, and pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks

LEVEL = "medium"
NEW = "high"

_IN_ORDER = ("rewrite", "return", "if", "set")
_HANDLERS = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "try_files")


def _dead(block: Directive) -> tuple[Directive, Directive] | None:
    """Return a ``return`` and the first directive that it makes dead. What a snippet brings is for other blocks too."""
    directives = block.block or []
    handlers = (*_HANDLERS, "location") if block.name == "server" else (*_HANDLERS, "alias")
    for number, directive in enumerate(directives):
        if directive.name != "return":
            continue
        after = [each for each in directives[number + 1 :] if each.name in _IN_ORDER]
        dead = [*after, *(each for each in directives if each.name in handlers and not _is_named(each))]
        mine = [each for each in dead if each.file == directive.file]
        return (directive, mine[0]) if mine else None
    return None


def _is_named(directive: Directive) -> bool:
    """Return whether it is a location that error pages lead to."""
    return directive.name == "location" and (directive.args[0].startswith(("@", "=")) or "internal" in directive.text)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find what stands behind, or beside, a ``return`` that no condition is around."""
    for _, block in blocks(config, "server", "location", "if"):
        found = _dead(block)
        if found is not None:
            answers, dead = found
            yield finding(
                dead,
                f"{dead.text} is never reached: {answers.text} answers every request of this {block.name} before it",
                expected=f"{answers.text} in a location or condition of its own",
                fix=f"move the return of line {answers.line} into location /, or remove one of them",
            )
