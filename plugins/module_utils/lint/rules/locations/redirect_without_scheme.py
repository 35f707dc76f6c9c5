"""A redirect leads to a host without ``https://`` before it, or to ``$scheme`` without ``://`` behind it: browsers take
that for a path.

``return 301 shop.example/news`` sends a visitor of ``/blog/1`` to ``/blog/shop.example/news``. nginx completes only
what begins with a slash. A target that begins with another variable may have the scheme in it, and passes.
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

_REDIRECTS = ("301", "302", "303", "307", "308")
_FLAGS = ("redirect", "permanent")
_SCHEME_ALONE = re.compile(r"\$(?:scheme\b|\{scheme\})(?!:)")
_HOST = re.compile(
    r"(?:\$(?:host|http_host|server_name)\b|\$\{(?:host|http_host|server_name)\}"
    r"|(?:[\w-]+\.)+(?!(?:aspx?|html?|jsp|json|pdf|php|txt|xml)\b)[a-z]{2,})(?=[/:?$]|$)",
    re.I,
)


def _target(line: Directive) -> str:
    if line.name == "return":
        return line.args[1] if len(line.args) == 2 and line.args[0] in _REDIRECTS else ""
    told = len(line.args) > 2 and line.args[2] in _FLAGS
    is_scheme = len(line.args) > 1 and _SCHEME_ALONE.match(line.args[1])
    return line.args[1] if told or is_scheme else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects to what is no URL and no path."""
    for line in config.named("return", "rewrite"):
        target = _target(line)
        scheme = _SCHEME_ALONE.match(target)
        if scheme or _HOST.match(target):
            yield finding(
                line,
                f"{target} is neither a URL nor a path: browsers go on from the page that they are at",
                expected="https:// and a host, or a path that begins with a slash",
                fix="write :// and the host behind the scheme, or leave it out"
                if scheme
                else f"write https://{target}",
            )
