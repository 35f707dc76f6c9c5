"""A ``*_pass`` has variables and a host's name, and nothing in force there resolves names: each request gets a 502.

nginx looks names up when it starts, but not those of targets with variables: for these it needs a ``resolver``, also
where only the path is variable. The names of ``upstream`` blocks, and of hosts that another ``*_pass`` names without a
variable, are known to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "medium"
NEW = "high"

_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
_URL = re.compile(r"^(?:(?:https?|grpcs?)://)?([A-Za-z][\w-]*(?:\.[\w-]+)*)(?::(\d+))?(?=$|/)")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_DEPTH = 5
# Files that load modules, and nothing else.
_MODULES = "/modules"


def _assigned(scope: BlockScope | None) -> dict[str, str]:
    """Map the variables that a block and those around it set, once each, to what they are."""
    found: dict[str, list[str]] = {}
    while scope is not None:
        for directive in scope.own.get("set", ()):
            if len(directive.args) == 2:
                found.setdefault(directive.args[0].lstrip("$"), []).append(directive.args[1])
        scope = scope.outer
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _written_out(text: str, assigned: dict[str, str]) -> str:
    for _ in range(_DEPTH):
        now = _VARIABLE.sub(lambda found: assigned.get(found[1], found[0]), text)
        if now == text:
            break
        text = now
    return text


def _known(config: Config) -> frozenset[str]:
    upstreams = {each.args[0] for each in config.named("upstream") if each.args}
    plain = (each.args[0] for each in config.named(*_PASSES) if each.args and "$" not in each.args[0])
    return frozenset(upstreams | {match[1] for target in plain if (match := _URL.match(target))})


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find targets whose host nginx would have to look up at each request, and cannot."""
    if any(_MODULES not in each.args[0] for each in config.outside if each.args):
        # A file of the hosts may have one.
        return
    known = _known(config)
    for scope in scopes(config):
        for directive in (each for name in _PASSES for each in scope.own.get(name, ())):
            target = directive.args[0] if directive.args else ""
            if "$" not in target or scope.effective("resolver"):
                continue
            match = _URL.match(_written_out(target, _assigned(scope)))
            if match and match[1] not in known:
                yield finding(
                    directive,
                    f"{directive.name} {target} cannot find {match[1]}: no resolver is in force",
                    expected="resolver ADDRESS, as the target has variables",
                    fix=f"add a resolver, or define upstream {match[1]}",
                )
