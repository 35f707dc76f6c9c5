"""A redirect leads back to the place where it stands, so clients follow it until they give up.

``return 301 https://shop.example$request_uri`` is right in the server for port 80, and an endless loop in the one for
443. Captures are followed: ``rewrite ^/shop/?(.*)$ /shop/$1 permanent`` never ends. Where nothing in the tree listens
on 443 for a server, something in front of it does, and ``https`` comes back as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set

from ....config.facts import Listen, listeners, server_names
from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....config.samples import samples
from ....untrusted import whole_number
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import examples, filled, numbers
from ...scopes import BlockScope, blocks, location_kind

LEVEL = "high"

_URL = re.compile(r"(?:(https?|\$scheme)://([^/$?]+|\$host|\$server_name|\$http_host))?(.*)")
_SAME_PATH = ("$request_uri", "$uri", "$uri$is_args$args", "$document_uri")
_CURRENT = re.compile(r"\$\{?(?:request_uri|uri|document_uri)\b\}?")
_ARGUMENTS = re.compile(r"[?#].*|\$\{?(?:is_args|args|query_string)\b.*")
_FINAL = ("redirect", "permanent")
# Whoever is sent on so often by one line is sent on for ever.
_ROUNDS = 10
_LONGEST = 500
_USUAL = {"http": 80, "https": 443}


def _target(directive: Directive) -> str:
    """Return the target of a redirect."""
    args = directive.args
    if directive.name == "return":
        redirects = len(args) == 1 or (len(args) == 2 and args[0] in ("301", "302", "303", "307", "308"))
        return args[-1] if redirects and whole_number(args[-1]) is None else ""
    return args[1] if len(args) == 3 and args[2] in _FINAL else ""


def _goes_round(scope: BlockScope, server: Directive, redirect: Directive, path: str) -> bool:
    """Return whether a path that an expression matches is sent on until it is clear that this never ends."""
    is_rewrite = redirect.name == "rewrite"
    pattern = redirect.args[0] if is_rewrite else location_kind(scope.block)[1] if scope.block else ""
    loose = not is_rewrite and scope.block is not None and location_kind(scope.block)[0] == "~*"
    regex = compiled(pattern, loose)
    before = [each for each in scope.own.get("rewrite", ()) if is_rewrite and each.line < redirect.line]
    earlier = [found for each in before if len(each.args) > 2 and (found := compiled(each.args[0]))]

    def following(now: str) -> str | None:
        match = regex.search(now) if regex else None
        if match is None or any(each.search(now) for each in earlier):
            return None
        if scope.kind == "location" and choose_location(server, now) is not scope.block:
            return None
        onwards = _ARGUMENTS.sub("", filled(_CURRENT.sub(lambda _: now, path), match)) or "/"
        return onwards if onwards.startswith("/") and "$" not in onwards else None

    # An expression for every path is tried with those of its location.
    here = samples(scope.block) if scope.kind == "location" and scope.block else []
    paths = [*(match.string for match in examples(pattern, ignore_case=loose)), *here, *(f"{each}x" for each in here)]
    return any(_ends_never(path, following) for path in paths)


def _ends_never(path: str | None, following: Callable[[str], str | None]) -> bool:
    for _ in range(_ROUNDS):
        path = following(path) if path is not None and len(path) < _LONGEST else None
    return path is not None


def _is_usual(listen: Listen) -> bool:
    return listen.tls and listen.port in (_USUAL["https"], 0)


def _is_own(server: Directive, name: str) -> bool:
    return name in ("$host", "$http_host", "$server_name", "") or name.lower() in server_names(server)


def _comes_back(server: Directive, listen: Listen, scheme: str, host: str) -> bool:
    """Return whether a request to scheme and host reaches this server by this listener again."""
    here = "https" if listen.tls else "http"
    name, _, port = host.partition(":")
    to = here if scheme in ("$scheme", "") else scheme
    # $host has no port, $http_host has.
    same_port = name in ("", "$http_host") or (whole_number(port) or _USUAL[to]) == listen.port
    return _is_own(server, name) and to == here and same_port


def _same_path(scope: BlockScope, server: Directive, path: str) -> bool:
    """Return whether the path of the target gets to the same block."""
    if scope.block is server:
        return path.startswith(("/", "$")) or not path
    if scope.block is None or location_kind(scope.block)[1].startswith("@"):
        return False
    return path in _SAME_PATH or ("$" not in path and choose_location(server, path.split("?")[0] or "/") is scope.block)


def _loops(scope: BlockScope, redirect: Directive, target: str, tls: Set[str]) -> bool:
    server, match = scope.around("server"), _URL.fullmatch(target)
    if server is None or server.block is None or match is None:
        return False
    scheme, host, path = match[1] or "", match[2] or "", match[3]
    if not host and not path.startswith(("/", "$")):
        return False
    of_regex = scope.kind == "location" and scope.block and location_kind(scope.block)[0].startswith("~")
    # Who sends the whole server to https wants to get out of it; one page that is put together anew stays where it is.
    in_front = bool(of_regex and numbers(path)) and tls.isdisjoint(server_names(server.block))
    in_front = in_front and scheme == "https" and _is_own(server.block, host)
    if not in_front and not any(_comes_back(server.block, listen, scheme, host) for listen in listeners(server.block)):
        return False
    if redirect.name == "rewrite" or (of_regex and numbers(path)):
        return _goes_round(scope, server.block, redirect, path)
    return _same_path(scope, server.block, path)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects, outside of ``if``, that lead to their own server and path."""
    speaking = (server for server in config.servers() if any(_is_usual(listen) for listen in listeners(server)))
    tls = {name for server in speaking for name in server_names(server)}
    for scope, block in blocks(config, "server", "location"):
        for directive in [*block.children("return"), *block.children("rewrite")]:
            target = _target(directive)
            if target and _loops(scope, directive, target, tls):
                yield finding(
                    directive,
                    f"the redirect to {target} leads back to the same {scope.kind}: an endless loop",
                    expected="a target with another host, scheme or path",
                    fix="correct the target, or move the redirect to the server that it was meant for",
                )
