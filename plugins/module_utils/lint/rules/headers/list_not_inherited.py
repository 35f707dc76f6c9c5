"""A block has a directive of its own, and so loses what the outer blocks list under the same name.

``limit_req``, ``limit_conn``, ``error_page``, ``proxy_hide_header``, ``proxy_pass_header``, ``allow`` and ``deny``,
``sub_filter`` and others are lists, of which nginx inherits all or nothing: one ``error_page 404`` in a location, and
the pages for 502 and 503 are nginx's own there. Where a block repeats the outer one's subject, it was meant to differ,
and passes; logs pass as well. For headers and parameters there is ``headers_not_inherited``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "low"
NEW = "medium"

_LISTS: Sequence[tuple[str, ...]] = (
    ("limit_req",),
    ("limit_conn",),
    ("error_page",),
    ("proxy_hide_header",),
    ("fastcgi_hide_header",),
    ("proxy_pass_header",),
    ("fastcgi_pass_header",),
    ("proxy_no_cache",),
    ("proxy_cache_bypass",),
    ("fastcgi_no_cache",),
    ("fastcgi_cache_bypass",),
    ("sub_filter",),
    ("auth_request_set",),
    ("set_real_ip_from",),
    # One list of rules: an ``allow`` of a block's own takes ``deny all`` away.
    ("allow", "deny"),
)


def _subjects(directives: Sequence[Directive]) -> dict[str, Directive]:
    """Map what each directive is about to it: a code, a header, a zone, an address."""
    found: dict[str, Directive] = {}
    for each in directives:
        for word in each.args[:-1] if each.name == "error_page" else each.args[:1]:
            if each.name != "error_page" or word.isdigit():
                found[word.removeprefix("zone=").lower()] = each
    return found


def _written(scope: BlockScope, names: Sequence[str]) -> list[Directive]:
    return [each for name in names for each in scope.own.get(name, ())]


def _inherited(scope: BlockScope | None, names: Sequence[str]) -> list[Directive]:
    while scope is not None:
        found = _written(scope, names)
        if found:
            return found
        scope = scope.outer
    return []


def _lost(own: Sequence[Directive], outer: Sequence[Directive]) -> list[Directive]:
    ours, theirs = _subjects(own), _subjects(outer)
    if own[0].name in ("allow", "deny"):
        closed = [each for each in outer if each.name == "deny" and each.args == ["all"]]
        return [] if any(each.args == ["all"] for each in own) else closed
    # One that says something about the same subject has another opinion, not a gap; a limit replaces a limit.
    if own[0].name in ("limit_req", "limit_conn") and len(theirs) <= len(ours):
        return []
    missing = [theirs[word] for word in theirs if word not in ours]
    return [each for number, each in enumerate(missing) if all(each is not other for other in missing[:number])]


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find blocks whose own directives remove others of an outer block's list."""
    for scope in scopes(config):
        for names in _LISTS:
            own = _written(scope, names)
            if not own or scope.outer is None:
                continue
            lost = _lost(own, _inherited(scope.outer, names))
            if lost:
                words = "; ".join(each.text for each in lost)
                yield finding(
                    own[0],
                    f"this {own[0].name} replaces the outer block's: {words} is not in force here",
                    expected=f"{words} in this block as well",
                    fix=f"repeat here what {lost[0].file}:{lost[0].line} says",
                )
