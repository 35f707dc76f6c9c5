"""A ``root`` or ``alias`` is no absolute path, so nginx looks below the folder that it was built with.

``root shop.example/current`` is ``/usr/share/nginx/shop.example/current`` in packages of Debian. Where other roots of
the configuration are absolute, the beginning of the path was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "low"
NEW = "high"

# What nginx itself comes with.
_OWN = ("html", "html/", "./html")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find document roots that are relative, where others are absolute, or were."""
    roots = [each for each in config.named("root", "alias") if each.args]
    before = context.live.named("root", "alias") if context.live else []
    if not any(each.args[:1] and each.args[0].startswith("/") for each in [*roots, *before]):
        return
    for directive in roots:
        path = directive.args[0]
        if not path.startswith(("/", "$")) and path not in _OWN:
            yield finding(
                directive,
                f"{directive.text} is below nginx's own folder: the path does not begin with a slash",
                expected="an absolute path, as others are",
                fix="write the whole path",
            )
