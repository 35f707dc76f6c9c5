"""A list names the same item twice, where one of them was probably meant to be another.

``index index.htm index.htm`` tries the same file twice and never ``index.html``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_LISTS = ("index", "try_files", "proxy_ignore_headers", "proxy_cache_methods", "ssl_protocols")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find lists that have an item more than once."""
    for directive in config.named(*_LISTS):
        for word, often in Counter(directive.args).items():
            if often > 1:
                yield finding(
                    directive,
                    f"{directive.name} lists {word} twice; one of them was probably meant to be another",
                    expected="each item once",
                    fix="write the item that was meant, or remove one",
                )
