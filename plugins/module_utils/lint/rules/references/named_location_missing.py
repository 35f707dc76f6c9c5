"""A request is handed on to ``@fallback``, and the server has no location of that name: ``nginx -t`` is content, and
the visitor gets a 500, just when something else is wrong already.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...near import meant

LEVEL = "high"

_HAND_ON = ("error_page", "try_files", "post_action")


def _handed(block: Directive) -> Iterator[tuple[Directive, str]]:
    """Yield what hands requests on in a block, with the name of the location."""
    for directive in block.walk():
        target = directive.args[-1] if directive.name in _HAND_ON and directive.args else ""
        if target.startswith("@") and "$" not in target:
            yield directive, target


def run(config: Config, context: Context) -> list[Finding]:
    """Find names of locations that the server around has not."""
    findings = []
    for server in config.servers():
        # nginx allows locations with a name at the level of the server only.
        known = {each.args[-1] for each in server.children("location") if each.args and each.args[-1].startswith("@")}
        for directive, target in _handed(server):
            if target not in known:
                near = meant(target, known)
                findings.append(
                    Finding(
                        f"this server has no location {target}" + (f"; did you mean {near}?" if near else ""),
                        file=directive.file,
                        line=directive.line,
                        expected=f"one of {', '.join(sorted(known))}" if known else f"location {target} {{ … }}",
                        seen=" ".join([directive.name, *directive.args]),
                        mend=f"write {near}" if near else f"add location {target} to the server, or name another page",
                    )
                )
    return findings
