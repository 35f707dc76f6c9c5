"""A target uses ``$1``, but nothing on the way to it captures anything, so it is empty.

``location /news { return 301 https://blog.example/$1; }`` sends every page to the front page: a path without an
expression has no groups. Counted are the groups of the location, of the server's name, of conditions, and of rewrites
that go on; those of a redirect that did not match are gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import server_names
from ....config.parse import Config, Directive
from ....textfmt import count
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import groups, numbers
from ...scopes import BlockScope, blocks, location_kind
from ...variables import names_in

LEVEL = "high"

_USES = ("return", "set", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "grpc_pass", "alias", "root", "try_files")
_FINAL = ("redirect", "permanent")


def _of_condition(block: Directive) -> int:
    """Return the groups of an ``if``; its parentheses are no part of the expression."""
    words = block.args
    return groups(words[2].removesuffix(")")) if len(words) > 2 and "~" in words[1] else 0


def _of_rewrite(directive: Directive) -> int:
    args = directive.args
    redirects = len(args) < 2 or args[-1] in _FINAL or args[1].startswith(("http://", "https://", "$scheme"))
    return 0 if redirects else groups(args[0])


def _of_block(scope: BlockScope) -> int:
    block = scope.block
    if block is None:
        return 0
    found = [_of_condition(each) for each in scope.own.get("if", ())]
    found += [_of_rewrite(each) for each in scope.own.get("rewrite", ())]
    if scope.kind == "if":
        found.append(_of_condition(block))
    elif scope.kind == "location" and location_kind(block)[0].startswith("~"):
        found.append(groups(location_kind(block)[1]))
    elif scope.kind == "server":
        found += [groups(name[1:]) for name in server_names(block) if name.startswith("~")]
    return max(found, default=0)


def _going_on(block: Directive) -> Iterator[Directive]:
    """Yield the directives of a server, without the conditions that return where they hold."""
    for each in block.block or []:
        if each.name != "if" or not each.children("return"):
            yield each
            yield from _going_on(each)


class _Captures:
    """How many groups may be set where a line is reached; what many lines share is counted once."""

    def __init__(self, config: Config) -> None:
        self._blocks: dict[int, int] = {}
        self._elsewhere: dict[int, int] = {}
        self._maps = {
            each.args[-1].lstrip("$"): max(
                (groups(row.name.lstrip("~*")) for row in each.block or [] if row.name.startswith("~")), default=0
            )
            for each in config.named("map")
            if each.args
        }

    def within(self, scope: BlockScope | None) -> int:
        """Return the groups of a block and of those around it."""
        found = 0
        while scope is not None:
            if id(scope) not in self._blocks:
                self._blocks[id(scope)] = _of_block(scope)
            found = max(found, self._blocks[id(scope)])
            scope = scope.outer
        return found

    def elsewhere(self, server: Directive) -> int:
        """Return the groups of rewrites to other locations of a server, and of maps that it looks up."""
        if id(server) not in self._elsewhere:
            going_on = list(_going_on(server))
            rewrites = [_of_rewrite(each) for each in going_on if each.name == "rewrite" and each.args[-1] != "break"]
            names = {name for each in going_on for arg in each.args for name in names_in(arg)}
            maps = [self._maps[name] for name in names if name in self._maps]
            self._elsewhere[id(server)] = max([*rewrites, *maps], default=0)
        return self._elsewhere[id(server)]


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find targets that use groups which no expression on their way has."""
    captures = _Captures(config)
    for scope, block in blocks(config, "server", "location", "if"):
        server, location = scope.around("server"), scope.around("location")
        if server is None or server.block is None:
            continue
        if location is not None and ("internal" in location.own or "@" in location.text):
            continue
        used = [(each, max(numbers(" ".join(each.args)), default=0)) for name in _USES for each in block.children(name)]
        rewrites = [(each, numbers(each.args[1])) for each in block.children("rewrite") if len(each.args) > 1]
        used += [(each, max(found, default=0)) for each, found in rewrites if not groups(each.args[0])]
        wanted = [(each, number) for each, number in used if number]
        if wanted:
            has = max(captures.within(scope), captures.elsewhere(server.block))
            yield from (_finding(each, number, has) for each, number in wanted if number > has)
        for each, found in rewrites:
            has = groups(each.args[0])
            if has and max(found, default=0) > has:
                yield _finding(each, max(found), has)


def _finding(directive: Directive, number: int, has: int) -> Finding:
    why = f"the expressions on the way have {count(has, 'group')}" if has else "nothing on the way captures anything"
    return finding(
        directive,
        f"${number} is always empty: {why}",
        expected="a location or rewrite with an expression that has as many groups",
        fix="write location ~ with a group for what is taken over, or $request_uri for the whole path",
    )
