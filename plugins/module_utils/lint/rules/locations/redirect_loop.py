"""A redirect leads back to the place where it stands, so clients follow it until they give up.

``return 301 https://shop.example$request_uri`` is right in the server for port 80, and an endless loop in the one for
443.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import Listen, listeners, server_names
from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....outside import whole_number
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import Scope, blocks, location_kind

LEVEL = "high"

_URL = re.compile(r"(?:(https?|\$scheme)://([^/$?]+|\$host|\$server_name|\$http_host))?(.*)")
_SAME_PATH = ("$request_uri", "$uri", "$uri$is_args$args", "$document_uri")
_WHOLE = {"^": "", ".*": "", "^(.*)$": "$1", "(.*)": "$1", "^/(.*)$": "/$1", "^(.*)": "$1", "^/(.*)": "/$1"}
_GROUP = re.compile(r"\$\d")
_USUAL = {"http": 80, "https": 443}


def _target(directive: Directive) -> str:
    """Return the target of a redirect; that of a rewrite where it would be rewritten again."""
    args = directive.args
    if directive.name == "return":
        redirects = len(args) == 1 or (len(args) == 2 and args[0] in ("301", "302", "303", "307", "308"))
        return args[-1] if redirects and whole_number(args[-1]) is None else ""
    if len(args) != 3 or args[2] not in ("redirect", "permanent"):
        return ""
    if args[0] in _WHOLE:
        group = _WHOLE[args[0]]
        return args[1].replace(group, "$request_uri") if group else args[1]
    # What it leads to fits its own expression again.
    example = _GROUP.sub("x", args[1])
    match = _URL.fullmatch(example)
    return example if match and "$" not in match[3] and _fits(args[0], match[3]) else ""


def _fits(pattern: str, path: str) -> bool:
    regex = compiled(pattern)
    return regex is not None and regex.search(path) is not None


def _comes_back(server: Directive, listen: Listen, scheme: str, host: str) -> bool:
    """Return whether a request to scheme and host reaches this server by this listener again."""
    here = "https" if listen.tls else "http"
    name, _, port = host.partition(":")
    own = name in ("$host", "$http_host", "$server_name", "") or name.lower() in server_names(server)
    to = here if scheme in ("$scheme", "") else scheme
    # $host has no port, $http_host has.
    same_port = name in ("", "$http_host") or (whole_number(port) or _USUAL[to]) == listen.port
    return own and to == here and same_port


def _same_path(scope: Scope, server: Directive, path: str) -> bool:
    """Return whether the path of the target gets to the same block."""
    if scope.block is server:
        return path.startswith(("/", "$")) or not path
    if scope.block is None or location_kind(scope.block)[1].startswith("@"):
        return False
    return path in _SAME_PATH or ("$" not in path and choose_location(server, path.split("?")[0] or "/") is scope.block)


def _loops(scope: Scope, target: str) -> bool:
    server, match = scope.around("server"), _URL.fullmatch(target)
    if server is None or server.block is None or match is None:
        return False
    scheme, host, path = match[1] or "", match[2] or "", match[3]
    if not host and not path.startswith(("/", "$request_uri", "$uri")):
        return False
    comes_back = any(_comes_back(server.block, listen, scheme, host) for listen in listeners(server.block))
    return comes_back and _same_path(scope, server.block, path)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects, outside of ``if``, that lead to their own server and path."""
    for scope, block in blocks(config, "server", "location"):
        for directive in [*block.children("return"), *block.children("rewrite")]:
            target = _target(directive)
            if target and _loops(scope, target):
                yield finding(
                    directive,
                    f"the redirect to {target} leads back to the same {scope.kind}: an endless loop",
                    expected="a target with another host, scheme or path",
                    fix="correct the target, or move the redirect to the server that it was meant for",
                )
