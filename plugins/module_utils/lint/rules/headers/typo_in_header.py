"""A header, a media type or a FastCGI parameter is one typing error away from a known one.

nginx takes any word: ``$http_refferer`` is always empty, ``X-Forwared-For`` is known to no application, and no
browser heeds ``Strict-Transport-Securty``. Names of your own pass, unless they are that close to a known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....closest_match import typo_of
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...known_names import CACHE_CONTROL, FASTCGI, HEADERS, MEDIA_TYPES

LEVEL = "high"

_BY_NAME = (
    *("add_header", "proxy_set_header", "grpc_set_header", "proxy_hide_header", "proxy_pass_header", "add_trailer"),
    *("fastcgi_hide_header", "fastcgi_pass_header", "uwsgi_hide_header", "proxy_ignore_headers", "more_set_headers"),
    "real_ip_header",
)
_TYPES = (
    *("gzip_types", "brotli_types", "sub_filter_types", "default_type", "charset_types", "ssi_types"),
    *("addition_types",),
)
_PREFIXED = re.compile(r"\$\{?(?:upstream_http|sent_http|http)_([a-z0-9_]+)")
_OF_HEADERS = frozenset({header.lower().replace("-", "_") for header in HEADERS} | {"referer"})
_VALUES = {"cache-control", "strict-transport-security", "x-content-type-options", "x-frame-options"}
# What is more than one letter away, and written often.
_OFTEN = {
    "referrer": "Referer",
    **{f"x-forward-{word.lower()}": f"X-Forwarded-{word}" for word in ("For", "Host", "Port", "Proto", "Scheme")},
}


def _header(word: str) -> str:
    return typo_of(word, HEADERS) or (_OFTEN.get(word.lower(), "") if word.lower() != "referrer" else "")


def _wrong(directive: Directive) -> Iterator[tuple[str, str]]:
    """Yield each misspelt word with the right one."""
    args = directive.args
    if directive.name in _BY_NAME and args:
        yield from ((word, _header(word)) for word in args[: 1 if len(args) > 1 else None])
        if len(args) > 1 and args[0].lower() in _VALUES:
            yield from ((word, typo_of(word, CACHE_CONTROL)) for word in re.findall(r"[A-Za-z-]+", args[1]))
    elif directive.name in ("fastcgi_param", "uwsgi_param", "scgi_param") and args:
        yield args[0], typo_of(args[0], FASTCGI)
    elif directive.name in _TYPES:
        yield from ((word, typo_of(word, MEDIA_TYPES)) for word in args)
    # The lookups of a map, a log format, a condition: wherever a variable can stand.
    for word in (word for arg in [directive.name, *args] if "http_" in arg for word in _PREFIXED.findall(arg)):
        right = typo_of(word, _OF_HEADERS) or _OFTEN.get(word.replace("_", "-"), "").lower().replace("-", "_")
        yield f"$http_{word}", f"$http_{right}" if right else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find words that are one typing error away from a known one of their kind."""
    for directive in config.walk():
        for word, right in _wrong(directive):
            if right:
                yield finding(
                    directive,
                    f"{word} is not a known name; did you mean {right}?",
                    expected=right,
                    fix=f"write {right}",
                )
