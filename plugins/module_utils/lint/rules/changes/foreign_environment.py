"""A word of another environment: a host, certificate or upstream of staging in a configuration for production.

Only what the live release has nowhere counts, so the configuration of staging itself is left alone.
"""

from __future__ import annotations

import re

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import altered

LEVEL = "high"

_ENVIRONMENTS = (
    *("staging", "stage", "stg", "dev", "devel", "development", "test", "testing", "tst", "qa", "uat", "preprod"),
    *("preproduction", "preview", "sandbox", "snakeoil", "localdev"),
)
# These say what is asked for, and not where it leads.
_ASKED = ("location", "if", "log_format", "types")
_LOOPBACK = re.compile(r"(?:^|//|@)(localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=$|[:/])")
_WORD = re.compile(r"[a-z]+")


def _words(config: Config) -> set[str]:
    return {word for directive in config.walk() for arg in [directive.name, *directive.args] for word in _parts(arg)}


def _parts(arg: str) -> list[str]:
    return _WORD.findall(arg.lower())


def _leads(arg: str) -> bool:
    """Whether an argument is a host, a URL or a path, and no text, and no device."""
    return ("." in arg or "/" in arg) and (" " not in arg or "://" in arg) and not arg.startswith("/dev/")


def _loopback(directive: Directive) -> str:
    match = _LOOPBACK.search(directive.args[0]) if directive.args else None
    return match[1] if match and directive.name in ("server", "proxy_pass", "grpc_pass", "fastcgi_pass") else ""


def _gone_home(config: Config, live: Config) -> list[tuple[Directive, str]]:
    """Find upstreams that were elsewhere and are now on the host itself, at the same place of the configuration."""
    found = []
    for before, scope in altered(config, live):
        for name in ("server", "proxy_pass", "grpc_pass", "fastcgi_pass"):
            then = before.own.get(name, ())
            now = [each for each in scope.own.get(name, ()) if each.block is None and _loopback(each)]
            if then and now and not any(each.block is not None or _loopback(each) for each in then):
                found += [(each, _loopback(each)) for each in now]
    return found


def run(config: Config, context: Context) -> list[Finding]:
    """Find words of environments that are new against the live release, and upstreams that became the host itself."""
    if context.live is None:
        return []
    known = _words(context.live)
    found = [
        (directive, word)
        for directive in config.walk()
        if directive.block is None and directive.name not in _ASKED
        for word in dict.fromkeys(part for arg in directive.args if _leads(arg) for part in _parts(arg))
        if word in _ENVIRONMENTS and word not in known
    ]
    return [
        Finding(
            f"{word} smells of another environment: the live release has it nowhere here",
            file=directive.file,
            line=directive.line,
            expected="the host, file or upstream of this environment",
            seen=" ".join([directive.name, *directive.args]),
            mend="write the one that belongs here",
        )
        for directive, word in [*found, *_gone_home(config, context.live)]
    ]
