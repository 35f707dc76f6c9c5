"""A ``Content-Security-Policy`` has a word where browsers expect a directive, and they skip what they do not know.

``ALLOW-FROM https://shop.example`` is a value of ``X-Frame-Options``; the policy says ``frame-ancestors``. Of
``scripts-src 'self'`` nothing holds. What ``set`` and ``map`` give a header is read as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...known_names import POLICIES
from ...variables import expanded

LEVEL = "medium"
NEW = "high"

_HEADERS = ("content-security-policy", "content-security-policy-report-only")


def _unknown(policy: str) -> Iterator[str]:
    for part in policy.split(";"):
        word = next(iter(part.split()), "")
        if word and "$" not in part and word.lower() not in POLICIES:
            yield word


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find policies with directives that no browser knows."""
    for directive in config.named("add_header", "more_set_headers"):
        if len(directive.args) < 2 or directive.args[0].lower() not in _HEADERS:
            continue
        words = dict.fromkeys(word for text in expanded(config, directive.args[1]) for word in _unknown(text))
        for word in words:
            yield finding(
                directive,
                f"{word} is no directive of {directive.args[0]}, and browsers skip it",
                expected="a directive as default-src or frame-ancestors at the beginning and after each semicolon",
                fix="write the directive that was meant; the values of other headers do not belong there",
            )
