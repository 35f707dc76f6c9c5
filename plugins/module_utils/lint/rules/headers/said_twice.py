"""A word that stands twice in a list where each is tried or allowed once: ``index index.htm index.htm``. One of the two
was to be another.
"""

from __future__ import annotations

from collections import Counter

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"

_LISTS = ("index", "try_files", "proxy_ignore_headers", "proxy_cache_methods", "ssl_protocols")


def run(config: Config, context: Context) -> list[Finding]:
    """Find lists that have a word more than once."""
    return [
        Finding(
            f"{directive.name} has {word} twice: one of them was to be another",
            file=directive.file,
            line=directive.line,
            expected="each word once",
            seen=" ".join([directive.name, *directive.args]),
            mend="write the other word, or remove one",
        )
        for directive in config.named(*_LISTS)
        for word, often in Counter(directive.args).items()
        if often > 1
    ]
