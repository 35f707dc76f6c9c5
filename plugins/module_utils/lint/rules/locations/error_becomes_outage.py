"""An ``error_page`` answers an error of the client, as 404, with a code of the 500s: what is not there looks like an
outage.

Balancers take the server out, clients try again, and somebody is woken up. With ``error_page 404 502 503 @sorry`` and
``location @sorry { return 503; }`` every wrong address is one. ``return 503 "Sorry"`` keeps the code of the error
unless ``=`` stands before the page, so visitors read of an outage: that counts where the list is one of outages. A
server that is in maintenance as a whole, codes that an ``if`` returns to get to the page, and 408, 429 and 499, which
tell of load, pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...error_pages import WrittenErrorPage, error_pages, passes_on
from ...findings import finding

LEVEL = "medium"
NEW = "high"

# What comes from the request alone; other codes also tell of load, or stand for something of the server itself.
_OF_CLIENT = frozenset(map(str, [*range(400, 407), *range(409, 418), 421, 422]))


def _returned(server: Directive) -> frozenset[str]:
    """Return the codes that conditions of a server return: it is a manner to jump to an error page."""
    conditions = (each for each in server.walk() if each.name == "if")
    return frozenset(line.args[0] for each in conditions for line in each.children("return") if line.args)


def _shown(page: WrittenErrorPage) -> str:
    """Return what visitors get of the 500s, in words; empty where they get nothing of that sort."""
    if page.status >= 500:
        return f"answered with {page.status}"
    outages = sum(code.startswith("5") for code in page.codes)
    if page.written >= 500 and not page.status and outages > len(page.codes) - outages:
        return f"shown as the outage of return {page.written}"
    return ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find error pages for an upstream that is down which are also for what clients ask wrongly."""
    for page in error_pages(config):
        shown = _shown(page)
        # Alone, an error of the client is for what is in maintenance, or an upstream that says so.
        if not shown or not any(code.startswith("5") for code in page.codes) or not passes_on(page.place):
            continue
        returned = _returned(page.server)
        for code in dict.fromkeys(page.codes):
            if code in _OF_CLIENT and code not in returned:
                yield finding(
                    page.directive,
                    f"an error {code} is {shown}, as if the server were down",
                    expected=f"an error_page without {code}",
                    fix=f"take {code} out of the list",
                )
