"""A word with one right spelling, written with a slip: a header, a media type, a parameter of FastCGI.

nginx takes any: ``$http_refferer`` is always empty, ``X-Forwarded-Prot`` tells the application nothing, and no browser
heeds ``Strict-Transport-Securty``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...near import meant
from ...vocabulary import CACHE_CONTROL, FASTCGI, HEADERS, MEDIA_TYPES

LEVEL = "high"

_BY_NAME = (
    *("add_header", "proxy_set_header", "grpc_set_header", "proxy_hide_header", "proxy_pass_header", "add_trailer"),
    *("fastcgi_hide_header", "fastcgi_pass_header", "uwsgi_hide_header", "proxy_ignore_headers", "more_set_headers"),
)
_TYPES = (
    *("gzip_types", "brotli_types", "sub_filter_types", "default_type", "charset_types", "ssi_types"),
    *("addition_types",),
)
_PREFIXED = re.compile(r"\$\{?(?:upstream_http|sent_http|http)_([a-z0-9_]+)")
_OF_HEADERS = frozenset({header.lower().replace("-", "_") for header in HEADERS} | {"referer"})
_VALUES = {"cache-control", "strict-transport-security", "x-content-type-options", "x-frame-options"}


def _wrong(directive: Directive) -> Iterator[tuple[str, str]]:
    """Yield each misspelt word with the right one."""
    args = directive.args
    if directive.name in _BY_NAME and args:
        yield from ((word, meant(word, HEADERS)) for word in args[: 1 if len(args) > 1 else None])
        if len(args) > 1 and args[0].lower() in _VALUES:
            yield from ((word, meant(word, CACHE_CONTROL)) for word in re.findall(r"[A-Za-z-]+", args[1]))
    elif directive.name in ("fastcgi_param", "uwsgi_param", "scgi_param") and args:
        yield args[0], meant(args[0], FASTCGI)
    elif directive.name in _TYPES:
        yield from ((word, meant(word, MEDIA_TYPES)) for word in args)
    # The lookups of a map, a log format, a condition: wherever a variable can stand.
    for word in (word for arg in [directive.name, *args] if "http_" in arg for word in _PREFIXED.findall(arg)):
        right = meant(word, _OF_HEADERS) or ("referer" if word == "referrer" else "")
        yield f"$http_{word}", f"$http_{right}" if right else ""


def run(config: Config, context: Context) -> list[Finding]:
    """Find words that are one slip away from a known one of their kind."""
    return [
        Finding(
            f"{word} is known to nobody; did you mean {right}?",
            file=directive.file,
            line=directive.line,
            expected=right,
            seen=" ".join([directive.name, *directive.args]),
            mend=f"write {right}",
        )
        for directive in config.walk()
        for word, right in _wrong(directive)
        if right
    ]
