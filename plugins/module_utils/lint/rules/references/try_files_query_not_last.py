"""Only the last word of ``try_files`` is a place with a query; in the others it is part of the name of a file.

``try_files $uri /index.php?$args /index.html`` looks for a file called ``index.php?id=1``, finds none, and each page is
``/index.html``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find files with a query in their names."""
    for directive in config.named("try_files"):
        for word in directive.args[:-1]:
            if "?" in word or "$is_args" in word:
                yield finding(
                    directive,
                    f"{word} is looked up as the name of a file, query and all",
                    expected=f"{word} as the last word",
                    fix=f"move {word} to the end, or leave what is behind it out",
                )
