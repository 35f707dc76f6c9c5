"""A variable's name ends at a hyphen: ``$http_X-Request-Id`` is ``$http_X`` and then the text ``-Request-Id``.

In names of variables the hyphens of a header are underscores: ``$http_x_request_id``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...known_names import HEADERS

LEVEL = "medium"
NEW = "high"

_CUT = re.compile(r"\$((?:sent_|upstream_)?http_)(\w+)((?:-[A-Za-z]\w*)+)")
_HEADERS = {header.lower().replace("-", "_") for header in HEADERS}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find variables of headers with a word behind a hyphen, where what is before it is no header."""
    for directive in config.walk():
        for word in directive.args if any("$" in each for each in directive.args) else ():
            for prefix, name, rest in _CUT.findall(word):
                if name.lower() in _HEADERS:
                    continue
                meant = f"${prefix}{(name + rest).lower().replace('-', '_')}"
                yield finding(
                    directive,
                    f"${prefix}{name}{rest} is ${prefix}{name} and the text {rest}; did you mean {meant}?",
                    expected=meant,
                    fix=f"write {meant}",
                )
