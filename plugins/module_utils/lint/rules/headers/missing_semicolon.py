"""A semicolon is missing after a directive that takes any number of arguments, so the next line becomes part of it.

``index index.html`` without its end takes ``root /srv/shop`` as two more file names, and nginx accepts that.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....packages import analyzer
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

# These take words of any kind and number.
_GREEDY = (
    *("server_name", "index", "try_files", "gzip_types", "proxy_ignore_headers", "valid_referers", "error_page"),
    *("env",),
)
# Directives without an underscore that are unlikely to be a host, a file or a word of somebody's own.
_PLAIN = {"alias", "autoindex", "deny", "expires", "gzip", "include", "listen", "location", "proxy_pass", "return"}
_PLAIN |= {"rewrite", "root", "sendfile", "if"}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find directives among the arguments of another one."""
    for directive in config.named(*_GREEDY):
        swallowed = next((word for word in directive.args[1:] if _is_directive(word)), "")
        if swallowed:
            yield finding(
                directive,
                f"{directive.name} takes the directive {swallowed} as an argument: a semicolon is missing before it",
                expected=f"a semicolon between {directive.name} and {swallowed}",
                fix="end the line with a semicolon",
            )


def _is_directive(word: str) -> bool:
    return word in _PLAIN or ("_" in word and word in analyzer.DIRECTIVES)
