r"""An expression for a media type has a ``+`` that is not escaped, so the type does not match.

In ``map $sent_http_content_type $expires { ~*application/atom+xml 1h; }`` the plus sign repeats the letter before it:
``application/atomxml`` matches and ``application/atom+xml`` does not. Write ``\+``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_TYPE = re.compile(r"\w+/[\w.-]*\w(\+)(?:xml|json|zip|gzip|cbor|ber|der)\b")


def _expressions(config: Config) -> Iterator[tuple[Directive, str]]:
    for block in config.named("map"):
        for row in block.block or []:
            if row.name.startswith("~"):
                yield row, row.name
    for condition in config.named("if"):
        for at, word in enumerate(condition.args[:-1]):
            if word in ("~", "~*", "!~", "!~*"):
                yield condition, condition.args[at + 1]


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find media types in expressions whose suffix cannot match."""
    for directive, text in _expressions(config):
        found = _TYPE.search(text)
        if found is not None:
            yield finding(
                directive,
                f"+ in {found[0]} repeats the letter before it, so {found[0]} itself does not match",
                expected=found[0].replace("+", r"\+"),
                actual=text,
                fix=r"write \+",
            )
