"""An ``error_page`` answers an error with a page that is about the error, and with the code 200.

Caches keep ``error_page 404 =200 /404.html`` as if the page were what was asked for, robots list every wrong address,
and monitors see nothing. ``=`` alone says the same of a file: it takes over the code of the page, which is there.
Without either the code of the error is kept. Pages of applications, as ``/index.html``, pass, as do pages that a
program or a ``return`` answers, and pages that ``try_files`` ends with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...error_pages import WrittenErrorPage, error_pages, passes_on
from ...findings import finding

LEVEL = "low"
NEW = "high"

_ABOUT_ERROR = re.compile(
    r"/(?:[\w-]*[-_])?(?:[45]\d\d|[45]0?x{1,2}|errors?|(?:page[-_]?)?not[-_]?found)(?:[-_][\w-]*)?\.html?$", re.I
)
_CODES = frozenset(["403", "404", "410", "500", "502", "503", "504"])
# What says another code than that of a file, maybe.
_SAYS = re.compile(r"return|rewrite|.*_by_lua.*|echo|js_content|perl")


def _is_file(page: WrittenErrorPage) -> bool:
    """Return whether a file answers, as far as nginx is told."""
    place = page.location or page.server
    says = any(_SAYS.fullmatch(each.name) for each in (page.location.block or () if page.location else ()))
    return not says and not (page.location is not None and passes_on(place))


def _ends_with(server: Directive, target: str) -> bool:
    """Return whether requests end at a page also where nothing is wrong: it is an application then."""
    return any(each.args[-1:] == [target] for each in server.walk() if each.name == "try_files")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find error pages that are answered with 200."""
    for page in error_pages(config):
        hidden = [code for code in page.codes if code in _CODES]
        if page.answer not in (0, 200) or not hidden or not _ABOUT_ERROR.search(page.target):
            continue
        if _is_file(page) and not _ends_with(page.server, page.target):
            yield finding(
                page.directive,
                f"{page.target} is answered with 200 for an error {hidden[0]}",
                expected=f"error_page {' '.join(page.codes)} {page.target}, which keeps the code",
                fix=f"take {'=' if page.answer == 0 else '=200'} out of the line",
            )
