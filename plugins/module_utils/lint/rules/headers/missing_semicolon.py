"""A forgotten semicolon after a directive that takes any number of words: the next line becomes part of it.

``index index.html`` without its end swallows ``root /srv/shop``, and nginx is content.
"""

from __future__ import annotations

from ....config.parse import Config
from ....packages import analyzer
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"

# These take words of any kind and number.
_GREEDY = (
    *("server_name", "index", "try_files", "gzip_types", "proxy_ignore_headers", "valid_referers", "error_page"),
    *("env",),
)
# Directives without an underscore that are unlikely to be a host, a file or a word of somebody's own.
_PLAIN = {"alias", "autoindex", "deny", "expires", "gzip", "include", "listen", "location", "proxy_pass", "return"}
_PLAIN |= {"rewrite", "root", "sendfile", "if"}


def run(config: Config, context: Context) -> list[Finding]:
    """Find directives among the words of another one."""
    findings = []
    for directive in config.named(*_GREEDY):
        swallowed = [word for word in directive.args[1:] if _is_directive(word)]
        if swallowed:
            findings.append(
                Finding(
                    f"{directive.name} has swallowed the directive {swallowed[0]}: a semicolon is missing before it",
                    file=directive.file,
                    line=directive.line,
                    expected=f"a semicolon between {directive.name} and {swallowed[0]}",
                    seen=" ".join([directive.name, *directive.args]),
                    mend="end the line with a semicolon",
                )
            )
    return findings


def _is_directive(word: str) -> bool:
    return word in _PLAIN or ("_" in word and word in analyzer.DIRECTIVES)
