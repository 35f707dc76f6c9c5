"""The location of an ``error_page`` tells clients of gRPC another status than the one that stands for the error.

Clients decide by it what to do: they try again after 14 (unavailable), sign in again after 16 (unauthenticated) and
give up after others. gRPC says which it is: 16 for 401, 7 for 403, 12 for 404, and 14 for 429, 502, 503 and 504. What
is usual beside them passes, 5 for 404, 8 for what there is too much of, 4 for 504. So do locations for several errors,
whose status fits one of them, and 2 or 13 in those that are also for other errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...error_pages import WrittenErrorPage, error_pages
from ...findings import finding

LEVEL = "medium"
NEW = "high"

# The first is the one that gRPC says (http-grpc-status-mapping.md); nginx refuses with 503 what is above a limit, too.
_FITTING = {
    "401": ("16",),
    "403": ("7",),
    "404": ("12", "5"),
    "429": ("14", "8"),
    "502": ("14",),
    "503": ("14", "8"),
    "504": ("14", "4"),
}
# Unknown, and internal: of a location for everything.
_ANY = ("2", "13")


def _told(location: Directive) -> Directive | None:
    """Return the line that says the status of gRPC in a location, where it is plain."""
    found = [each for each in location.children("add_header") if len(each.args) > 1]
    told = [each for each in found if each.args[0].lower() == "grpc-status"]
    return told[0] if len(told) == 1 and told[0].args[1].isdecimal() else None


def _unfit(pages: list[WrittenErrorPage], status: str) -> Iterator[WrittenErrorPage]:
    """Yield the error pages of a location for which its status stands for none of the errors."""
    for_others = any(code not in _FITTING for page in pages for code in page.codes)
    if status in _ANY and for_others:
        return
    for page in pages:
        if not any(status in _FITTING.get(code, (status,)) for code in page.codes):
            yield page


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find error pages whose location says a status of gRPC for something else."""
    leading: dict[int, list[WrittenErrorPage]] = defaultdict(list)
    for page in error_pages(config):
        if page.location is not None and page.codes:
            leading[id(page.location)].append(page)
    for pages in leading.values():
        location = pages[0].location
        told = _told(location) if location else None
        if location is None or told is None:
            continue
        for page in _unfit(pages, told.args[1]):
            code = page.codes[0]
            yield finding(
                # Where it is for this error alone, its status is what is wrong.
                told if len(pages) == 1 else page.directive,
                f"clients of gRPC are told status {told.args[1]} for an error {code}, which is {_FITTING[code][0]}",
                expected=f"add_header grpc-status {_FITTING[code][0]}",
                actual=f"{page.directive.text} with {told.text}",
                fix=f"write {_FITTING[code][0]}, or name the location for an error {code}",
            )
