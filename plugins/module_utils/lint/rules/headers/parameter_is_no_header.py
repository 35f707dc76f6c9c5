"""A parameter for a program is named as a header is, so no program reads it as one.

Programs behind FastCGI, uwsgi and SCGI look for a header by a name that begins with ``HTTP_`` and has no hyphens:
``X-Forwarded-Proto`` is ``HTTP_X_FORWARDED_PROTO``. ``uwsgi_param X-Forwarded-Proto https`` and ``fastcgi_param
HTTP_X-Forwarded-Proto https`` are variables that nothing looks for, and links and redirects go back to ``http://``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...known_names import HEADERS

LEVEL = "medium"
NEW = "high"
EDITS_COUNT = True

_PREFIX = "HTTP_"
_HEADERS = {header.lower() for header in HEADERS}
# As parameters they are what programs call them.
_OWN_NAMES = {"content-type", "content-length"}


def _meant(name: str) -> str:
    """Return the parameter that programs take for a header; "" where a name is none of a header."""
    plain = name.removeprefix(_PREFIX)
    lower = plain.lower()
    if "-" not in name or lower in _OWN_NAMES:
        return ""
    is_header = name.startswith(_PREFIX) or lower in _HEADERS or lower.startswith("x-")
    return f"{_PREFIX}{plain.upper().replace('-', '_')}" if is_header else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find parameters whose names are those of headers, with hyphens."""
    for directive in config.named("fastcgi_param", "uwsgi_param", "scgi_param"):
        meant = _meant(directive.args[0]) if directive.args else ""
        if meant:
            yield finding(
                directive,
                f"{directive.args[0]} is no header for the program; did you mean {meant}?",
                expected=f"{directive.name} {meant}",
                fix=f"write {meant}",
            )
