"""A rewrite has the form that a known fault of this nginx needs: a visitor can crash the worker, or worse.

CVE-2026-42945: a ``rewrite`` without a flag has a ``?`` in its target, and a ``set``, ``if`` or ``rewrite`` after it
uses ``$1``; fixed in 1.30.1 and 1.31.0. CVE-2026-9256: one group of the expression lies within another, and a redirect
or an argument uses both; fixed in 1.30.2 and 1.31.1. Distributions fix older versions and keep their number, so this
is advice.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import nested, numbers
from ...scopes import blocks

LEVEL = "low"
NEW = "medium"

_Version = tuple[int, ...]
_REDIRECTS = ("http://", "https://", "$scheme")


def _needs(version: _Version) -> tuple[bool, bool]:
    """Return whether a version has the first fault, and whether it has the second."""
    return version < (1, 30, 1), version < (1, 30, 2) or version == (1, 31, 0)


def _uses_groups(directive: Directive) -> bool:
    args = directive.args[1:2] if directive.name == "rewrite" else directive.args
    return any(numbers(arg) for arg in args) or any(_uses_groups(each) for each in directive.block or [])


def _leaks(block: Directive) -> Iterator[tuple[Directive, Directive]]:
    """Yield each rewrite that goes on with arguments, and what uses a group after it."""
    steps = [each for each in block.block or [] if each.name in ("rewrite", "set", "if")]
    for number, step in enumerate(steps):
        if step.name == "rewrite" and len(step.args) == 2 and "?" in step.args[1][:-1]:
            after = next((each for each in steps[number + 1 :] if _uses_groups(each)), None)
            if after is not None and not step.args[1].startswith(_REDIRECTS):
                yield step, after


def _overlaps(rewrite: Directive) -> bool:
    if len(rewrite.args) < 2:
        return False
    target = rewrite.args[1]
    escaped = rewrite.args[-1] in ("redirect", "permanent") or target.startswith(_REDIRECTS) or "?" in target[:-1]
    used = {*numbers(target)}
    return escaped and any({*pair} <= used for pair in nested(rewrite.args[0]))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rewrites that the faults of this version are about."""
    first, second = _needs(context.version) if context.version else (False, False)
    if not first and not second:
        return
    unless = f"nginx {context.nginx} has it unless your distribution has patched it"
    for _, block in blocks(config, "server", "location", "if"):
        for rewrite, after in _leaks(block) if first else ():
            yield finding(
                after,
                f"CVE-2026-42945: {after.name} uses a group after a rewrite with ? in its target; {unless}",
                expected="nginx 1.30.1, 1.31.0 or later",
                actual=f"{rewrite.text}; {after.text}",
                fix="upgrade nginx, or use a named group, as (?<name>…)",
            )
        for rewrite in filter(_overlaps, block.children("rewrite") if second else ()):
            yield finding(
                rewrite,
                f"CVE-2026-9256: the target uses a group and one that lies within it; {unless}",
                expected="nginx 1.30.2, 1.31.1 or later",
                fix="upgrade nginx, or make the outer group one that captures nothing, as (?:…)",
            )
