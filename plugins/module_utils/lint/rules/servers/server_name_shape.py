"""A server name that no host can have: with a scheme, a slash, a comma, a port or a space.

nginx takes any word, and the server is then never chosen by that name. A forgotten semicolon after ``server_name``
shows here as well: the words of the next line become names.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"

_SHAPES = (
    (re.compile(r"^https?:", re.IGNORECASE), "has a scheme"),
    (re.compile(r"/"), "has a slash"),
    (re.compile(r","), "has a comma"),
    (re.compile(r":\d+$"), "has a port"),
    (re.compile(r"\.\.|^\.?\*?-"), "is misspelt"),
    (re.compile(r"\s"), "has a space"),
)


def run(config: Config, context: Context) -> list[Finding]:
    """Find names of a shape that the Host header of a request never has."""
    findings = []
    for server in config.servers():
        for directive in server.children("server_name"):
            for name in directive.args:
                wrong = [words for shape, words in _SHAPES if shape.search(name)]
                if wrong and not name.startswith(("~", "$")):
                    findings.append(
                        Finding(
                            f"no host is called {name!r}: the name {wrong[0]}",
                            file=directive.file,
                            line=directive.line,
                            expected="host names, with spaces between them",
                            seen=" ".join(["server_name", *directive.args]),
                            mend="write the bare name",
                        )
                    )
    return findings
