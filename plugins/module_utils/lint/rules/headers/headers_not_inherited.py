"""A block sets one header, and so loses all headers of its outer blocks.

nginx inherits ``add_header`` and ``proxy_set_header`` only into blocks that have none of their own. A harmless
``add_header Cache-Control`` removes ``Strict-Transport-Security``, and one ``proxy_set_header`` removes the ``Host``
that the application needs; a ``fastcgi_param`` takes away every parameter of ``fastcgi_params``. Reported for security
headers, and for what passes on who asks for what. ``add_header_inherit merge`` ends it; the location of a single file
that is no page, as ``robots.txt``, needs no such header, and browsers remember ``Strict-Transport-Security`` from any
other. A block of the live release counts for what it had there, not for what its outer block has got since, unless
that gets to no place that passes requests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, by_key, location_kind, scopes

LEVEL = "medium"
NEW = "high"

_SECURITY = {
    *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
    *("referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"),
    *("access-control-allow-origin", "access-control-allow-credentials"),
}
_FORWARDED = {"host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "upgrade", "connection"}
_PARAMETERS = {"script_filename", "query_string", "request_method", "content_type", "content_length", "request_uri"}
_OF_PARAMETERS = ("fastcgi_param", "uwsgi_param", "scgi_param")
_WATCHED = {
    "add_header": _SECURITY,
    **dict.fromkeys(("proxy_set_header", "grpc_set_header"), _FORWARDED),
    **dict.fromkeys(_OF_PARAMETERS, _PARAMETERS),
}
# Neither shown nor run by a browser.
_NO_PAGE = re.compile(r"\.(?:txt|ico|png|gif|jpe?g|webp|xml|log|map)$")


def _formerly(config: Config, live: Config) -> dict[int, BlockScope]:
    """Map the ids of blocks to what they were in live."""
    before = by_key(live)
    return {id(scope): before[key] for key, scope in by_key(config, live).items() if key in before}


def _is_no_page(scope: BlockScope) -> bool:
    kind, path = location_kind(scope.block) if scope.block and scope.kind == "location" else ("", "")
    return kind == "=" and _NO_PAGE.search(path) is not None


def _is_enough(scope: BlockScope, name: str, kept: set[str], lost: Sequence[Directive]) -> bool:
    """Return whether nobody misses what is lost."""
    if name in _OF_PARAMETERS:
        return not kept.isdisjoint(_PARAMETERS)
    path = location_kind(scope.block)[1] if scope.block and scope.kind == "location" else "/"
    return path != "/" and {each.args[0].lower() for each in lost} <= {"strict-transport-security"}


def _passing(config: Config) -> dict[int, list[BlockScope]]:
    """Map the ids of servers to their blocks that pass requests on."""
    found: dict[int, list[BlockScope]] = {}
    for scope in scopes(config):
        server = scope.around("server")
        if server is not None and server.block is not None and _passes(scope):
            found.setdefault(id(server.block), []).append(scope)
    return found


def _passes(scope: BlockScope) -> bool:
    return any(name.endswith("_pass") for name in scope.own)


def _gets_nowhere(header: str, scope: BlockScope, passing: dict[int, list[BlockScope]]) -> bool:
    """Return whether no block of a server that passes requests on, of which this is one, has a header of the server."""
    server = scope.around("server")
    every = passing.get(id(server.block), []) if server is not None and _passes(scope) else []
    return bool(every) and not any(
        each.args[0].lower() == header for one in every for each in one.effective("add_header") if each.args
    )


def _apart(
    lost: Sequence[Directive],
    name: str,
    before: BlockScope | None,
    scope: BlockScope,
    passing: dict[int, list[BlockScope]],
) -> Iterator[Sequence[Directive]]:
    """Yield what live lacks here as well, and what it has here: a line may have lost more than it had lost before."""
    had = {each.args[0].lower() for each in before.effective(name) if each.args} if before else set()
    if before is not None:
        around = before.outer.effective(name) if before.outer else ()
        known = had | {each.args[0].lower() for each in around if each.args}
        if name == "add_header":
            known |= {header for each in lost if _gets_nowhere(header := each.args[0].lower(), scope, passing)}
        lost = [each for each in lost if each.args[0].lower() in known]
    for is_worse in (False, True):
        some = [each for each in lost if (each.args[0].lower() in had) == is_worse]
        if some:
            yield some


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find blocks whose own headers remove security or forwarding headers of an outer block."""
    formerly = _formerly(config, context.live) if context.live else {}
    passing = _passing(config) if formerly else {}
    for scope in scopes(config):
        for name, watched in _WATCHED.items():
            own = scope.own.get(name, ())
            if not own or scope.outer is None or scope.value(f"{name}_inherit") in ("merge", "off"):
                continue
            if name == "add_header" and _is_no_page(scope):
                continue
            outer = {each.args[0].lower(): each for each in scope.outer.effective(name) if each.args}
            kept = {each.args[0].lower() for each in own if each.args}
            lost = [each for header, each in outer.items() if header in watched and header not in kept]
            for some in _apart(lost, name, formerly.get(id(scope)), scope, passing):
                if _is_enough(scope, name, kept, some):
                    continue
                headers = ", ".join(each.args[0] for each in some)
                yield finding(
                    own[0],
                    f"this {name} replaces every {name} of the outer blocks: {headers} is no longer set here",
                    expected=f"{name} {headers} in this block as well",
                    fix=f"repeat here what {some[0].file}:{some[0].line} sets",
                )
