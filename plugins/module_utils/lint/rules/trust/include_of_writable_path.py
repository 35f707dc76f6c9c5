"""nginx reads configuration from a directory that programs write to, as ``/var/log``, ``/tmp``, ``/run`` or ``/proc``.

Whoever can write there, a visitor through a log even, writes nginx's configuration. Links of the release are
followed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...paths import is_below

LEVEL = "high"
ACCEPTED_BY_TREE = False

_WRITTEN = (
    *("/dev", "/proc", "/run", "/sys", "/tmp", "/var/backups", "/var/cache", "/var/crash", "/var/lib/nginx"),
    *("/var/lib/php", "/var/lock", "/var/log", "/var/mail", "/var/spool", "/var/tmp"),
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find includes of files that are in such a directory."""
    for directive in config.outside:
        if is_below(context.real(directive.args[0]), _WRITTEN):
            yield finding(
                directive,
                f"nginx reads {directive.args[0]} as configuration, and other programs write there",
                expected="a file of the tree, or of a package",
                fix="put the file into the tree",
            )
