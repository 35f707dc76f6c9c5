"""Something that the live release uses, and the candidate only names: a limit, a cache, a map whose use got lost."""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ..references.named_and_never_used import named, used

LEVEL = "high"

# Which of two upstreams is in use changes with every blue-green deployment, and requests show it.
_SHOWN = ("upstream",)


def run(config: Config, context: Context) -> list[Finding]:
    """Find names that only the live release uses."""
    if context.live is None:
        return []
    gone = used(context.live) - used(config)
    return [
        Finding(
            f"the {kind} {name} is used by the live release, and by nothing here",
            file=directive.file,
            line=directive.line,
            expected="a directive that uses it",
            seen=" ".join([directive.name, *directive.args]),
            mend="use it again, or remove it as well",
        )
        for kind, name, directive in named(config)
        if kind not in _SHOWN and name.removeprefix("$") in gone
    ]
