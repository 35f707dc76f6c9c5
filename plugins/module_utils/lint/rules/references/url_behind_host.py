"""A redirect puts a whole URL behind a host, so the visitor is led to a host that does not exist.

``return 301 https://shop.example$new_uri`` expects paths in the map of ``$new_uri``. A row that begins with
``https://`` makes ``https://shop.examplehttps://…`` of it: leave the host out of the redirect, or have a map of its own
for other sites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_BEHIND_HOST = re.compile(r"^(?:https?|\$\{?scheme\}?)://[^/?#=&]*?\$\{?(\w+)\}?(?=[/?#$]|$)")
_URL = re.compile(r"^https?://")
_REDIRECTS = ("301", "302", "303", "307", "308")
_HOSTS = ("host", "http_host", "server_name", "hostname")


def _targets(config: Config) -> Iterator[str]:
    for directive in config.named("return", "rewrite"):
        args = directive.args
        if directive.name == "return" and (len(args) == 1 or (args[:1] != args[-1:] and args[0] in _REDIRECTS)):
            yield args[-1]
        elif directive.name == "rewrite" and len(args) > 1:
            yield args[1]


def _rows(config: Config, name: str) -> Iterator[Directive]:
    for block in config.named("map"):
        if block.args and block.args[-1].strip("${}") == name:
            yield from (row for row in block.block or () if row.args)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find URLs in maps whose values stand behind a host."""
    used: dict[str, str] = {}
    for target in _targets(config):
        rest = target
        for host in _HOSTS:
            rest = re.sub(rf"\$\{{?{host}\b\}}?", "host", rest)
        match = _BEHIND_HOST.match(rest)
        if match:
            used.setdefault(match[1], target)
    for name, target in used.items():
        values = list(_rows(config, name))
        # Where every row is a URL, the host in front is what is wrong, and the redirect never worked.
        for row in values if any(not _URL.match(each.args[0]) for each in values) else ():
            if _URL.match(row.args[0]):
                yield finding(
                    row,
                    f"{row.args[0]} stands behind a host in {target}",
                    expected="a path, as in the other rows of the map",
                    fix="write a path, or a redirect of its own for this URL",
                )
