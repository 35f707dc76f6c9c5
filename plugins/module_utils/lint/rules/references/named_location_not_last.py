"""A named location or a code stands before the last argument of ``try_files``, where it is the name of a file.

``try_files $uri @fallback =404`` looks for a file called ``@fallback`` and then answers 404: only the last argument may
be a location or a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_LAST = re.compile(r"@.*|=\d{3}")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find ``try_files`` that never get to their location or code."""
    for directive in config.named("try_files"):
        for word in directive.args[:-1]:
            if _LAST.fullmatch(word):
                yield finding(
                    directive,
                    f"{word} is not the last argument of try_files, so nginx looks for a file of that name",
                    expected=f"{word} at the end, once",
                    fix=f"move {word} to the end, or remove what follows it",
                )
