r"""Browsers keep pages of HTML for 30 days or more, and nobody can call them back.

Who has been there sees the old page until its time is over, with scripts and styles that may be gone, whatever is
deployed since. It is said by a row for ``text/html`` in a ``map`` of ``expires``, by a location for ``\.html$``, or by
``location = /``. ``no-cache`` beside it passes, since browsers ask then, and so do folders whose files get new names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, blocks, location_kind
from ...values import in_seconds
from ...variables import names_in

LEVEL = "low"
NEW = "high"

_LONG = 30 * 24 * 3600
_TYPES = ("$sent_http_content_type", "${sent_http_content_type}")
_PATHS = ("$uri", "$document_uri", "$request_uri", "$request_filename")
# The rows and locations that are for pages alone.
_HTML = re.compile(r"(?:~\*?)?\^?text/html(?:\$|;.*|\.\*)?", re.I)
_PAGES = re.compile(r"(?:\^?/?\.[*+])?\\\.(?:\((?:\?:)?)?x?html?\??(?:\|x?html?\??)*\)?\$", re.I)
_INDEX = ("/", "/index.html", "/index.htm")
_AGE = re.compile(r"max-age\s*=\s*\"?(\d+)", re.I)
_ASKS = re.compile(r"no-cache|no-store", re.I)
_ELSEWHERE = ("return", "rewrite")


def _is_long(value: str) -> bool:
    """Return whether a time of ``expires`` is long; a time of the day is not."""
    seconds = in_seconds(value.removeprefix("+"))
    return value == "max" or (seconds is not None and seconds >= _LONG)


def _is_kept_long(value: str) -> bool:
    """Return whether a ``Cache-Control`` keeps something long."""
    age = _AGE.search(value)
    return age is not None and int(age[1]) >= _LONG and not _ASKS.search(value)


def _cache_control(lines: Sequence[Directive]) -> list[Directive]:
    return [each for each in lines if len(each.args) > 1 and each.args[0].lower() == "cache-control"]


def _rows(config: Config) -> Iterator[tuple[Directive, str]]:
    """Yield the rows for pages in the maps of ``expires`` and ``Cache-Control``, with what they are for."""
    times = {name for each in config.named("expires") for word in each.args for name in names_in(word)}
    values = {name for each in _cache_control(config.named("add_header")) for name in names_in(each.args[1])}
    for block in config.named("map"):
        looked_up, name = block.args if len(block.args) == 2 else ("", "")
        name = name.strip("${}")
        for row in block.block or ():
            of_pages = (looked_up in _TYPES and _HTML.fullmatch(row.name)) or (
                looked_up in _PATHS and row.name.startswith("~") and _PAGES.fullmatch(row.name.lstrip("~*"))
            )
            value = row.args[0] if of_pages and row.args else ""
            if (name in times and _is_long(value)) or (name in values and _is_kept_long(value)):
                yield row, row.name


def _is_for_pages(scope: BlockScope, location: Directive) -> bool:
    kind, pattern = location_kind(location)
    # In a folder, they may be what never changes.
    outer = scope.outer
    while outer is not None and outer.block is not None and outer.kind == "location":
        if location_kind(outer.block)[1] != "/":
            return False
        outer = outer.outer
    return (kind == "=" and pattern in _INDEX) or (kind.startswith("~") and _PAGES.fullmatch(pattern) is not None)


def _lines(config: Config) -> Iterator[tuple[Directive, str]]:
    """Yield what keeps pages long in the locations that are for them alone."""
    for scope, location in blocks(config, "location"):
        if not _is_for_pages(scope, location) or any(location.children(name) for name in _ELSEWHERE):
            continue
        headers = _cache_control(scope.effective("add_header"))
        if any(_ASKS.search(each.args[1]) for each in headers):
            continue
        for each in location.children("expires"):
            if each.args and _is_long(each.args[-1]):
                yield each, location_kind(location)[1]
        for each in _cache_control(location.children("add_header")):
            if _is_kept_long(each.args[1]):
                yield each, location_kind(location)[1]


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find times of pages that are long."""
    for line, pages in (*_rows(config), *_lines(config)):
        yield finding(
            line,
            f"browsers keep pages ({pages}) for 30 days or more, and see no new ones",
            expected="a time that may pass until everybody has a new page, or -1, with which browsers ask each time",
            fix="write a shorter time",
        )
