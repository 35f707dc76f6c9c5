"""Code in the configuration: Lua, Perl, JavaScript. Whoever may change the tree then runs programs on every host.

That is a decision for a person. A language that the live release uses as well has been decided on.
"""

from __future__ import annotations

import re

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

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
    words = (
        " ".join([directive.name, *directive.args])
        if directive.name.endswith(("_param", "_modifier1"))
        else directive.name
    )
    return next((language for language, name in _LANGUAGES if name.match(words)), "")


def run(config: Config, context: Context) -> list[Finding]:
    """Find the first directive of each language that runs in nginx here."""
    first: dict[str, Directive] = {}
    for directive in config.walk():
        if language := _language(directive):
            first.setdefault(language, directive)
    return [
        Finding(
            f"{language} runs in nginx: who may change this tree may run programs on every host",
            file=directive.file,
            line=directive.line,
            expected="directives of nginx, or a person who has read the code",
            seen=language,
            mend="have the code reviewed as a program is",
        )
        for language, directive in first.items()
    ]
