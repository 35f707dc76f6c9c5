"""The value of a header has a line break, and nginx sends it as it is.

A long policy that is written over several lines, ``add_header Content-Security-Policy "default-src 'self';`` and more
below, reaches the client with its line ends: HTTP/2 and HTTP/3 forbid that, so browsers end the connection, and over
HTTP/1.1 the header is cut or the answer refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_SETTERS = (
    *("add_header", "add_trailer", "proxy_set_header", "grpc_set_header", "more_set_headers"),
    *("more_set_input_headers",),
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers whose value goes on in another line."""
    for directive in config.named(*_SETTERS):
        broken = [word for word in directive.args if "\n" in word or "\r" in word]
        if broken:
            first = broken[0].splitlines()[0]
            yield finding(
                directive,
                f"{directive.name} {directive.args[0]} has a line break after {first[:60]!r}",
                expected="a value in one line",
                actual=f"{directive.name} {directive.args[0]}",
                fix="write the value in one line, or put it together from variables of set",
            )
