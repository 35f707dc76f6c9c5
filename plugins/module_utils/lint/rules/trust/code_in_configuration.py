"""The configuration runs code: Lua, Perl or JavaScript in nginx, files of PHP or uWSGI, or Passenger.

Whoever may change the tree then runs programs on every host, which a person has to decide on. There is one finding
for each language; a language that the live release uses as well has been decided on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"
ACCEPTED_BY_TREE = False

_LANGUAGES = (
    ("Lua", re.compile(r"\w+_by_lua(?:_block|_file)?\b")),
    ("Perl", re.compile(r"perl(?:_\w+)?$")),
    (
        "PHP",
        re.compile(
            r"(?:fastcgi|uwsgi|scgi)_param PHP_(?:ADMIN_)?VALUE .*(?:auto_(?:ap|pre)pend_file|extension\b|allow_url)"
        ),
    ),
    ("uWSGI's Python", re.compile(r"uwsgi_param UWSGI_(?:FILE|SCRIPT|MODULE) |uwsgi_modifier1 22\b")),
    ("Passenger", re.compile(r"passenger_(?:enabled|app_root|app_start_command|ruby|python|nodejs)\b")),
    ("JavaScript", re.compile(r"js_\w+")),
)


def _language(directive: Directive) -> str:
    words = directive.text if directive.name.endswith(("_param", "_modifier1")) else directive.name
    return next((language for language, name in _LANGUAGES if name.match(words)), "")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find the first directive of each language."""
    first: dict[str, Directive] = {}
    for directive in config.walk():
        if language := _language(directive):
            first.setdefault(language, directive)
    for language, directive in first.items():
        yield finding(
            directive,
            f"the configuration runs {language} code: whoever changes this tree runs programs on every host",
            expected="plain nginx directives, or code that a person has reviewed",
            actual=language,
            fix="have the code reviewed like any program",
        )
