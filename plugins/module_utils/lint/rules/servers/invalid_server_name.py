"""A ``server_name`` has a form that no host name has: a scheme, a slash, a comma, a port, brackets or a space.

nginx takes any word, and then never chooses the server by that name: ``https://shop.example``, ``shop.example,`` and
``shop.example/`` match no request, nor does ``<name>.example``, where a placeholder was forgotten. A forgotten
semicolon after ``server_name`` shows here as well, because the words of the next line become names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_FORMS = (
    (re.compile(r"^https?:", re.IGNORECASE), "contains a scheme"),
    (re.compile(r"/"), "contains a slash"),
    (re.compile(r","), "contains a comma"),
    (re.compile(r":\d+$"), "contains a port"),
    (re.compile(r"\.\.|^\.?\*?-"), "is misspelt"),
    (re.compile(r"\s"), "contains a space"),
    (re.compile(r"[<>{}()\[\]]"), "contains brackets, as a placeholder that was not filled in"),
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find names of a form that the Host header of a request never has."""
    for server in config.servers():
        for directive in server.children("server_name"):
            for name in directive.args:
                wrong = next((words for form, words in _FORMS if form.search(name)), "")
                if wrong and not name.startswith(("~", "$")):
                    yield finding(
                        directive,
                        f"server_name {name!r} matches no request: it {wrong}",
                        expected="bare host names, separated by spaces",
                        fix="write the bare host name",
                    )
