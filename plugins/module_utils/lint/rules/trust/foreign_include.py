"""Configuration from where programs write: who writes there, a visitor by a log even, writes nginx's configuration."""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...places import is_below

LEVEL = "high"
ACCEPTED_BY_TREE = False

_WRITTEN = (
    *("/dev", "/proc", "/run", "/sys", "/tmp", "/var/backups", "/var/cache", "/var/crash", "/var/lib/nginx"),
    *("/var/lib/php", "/var/lock", "/var/log", "/var/mail", "/var/spool", "/var/tmp"),
)


def run(config: Config, context: Context) -> list[Finding]:
    """Find includes of what is neither in the tree nor in a folder of packages, administrators or sites."""
    return [
        Finding(
            f"{directive.args[0]} is read as configuration, and programs write there",
            file=directive.file,
            line=directive.line,
            expected="a file of the tree, or of a package",
            seen=f"include {directive.args[0]}",
            mend="put the file into the tree",
        )
        for directive in config.outside
        if is_below(context.real(directive.args[0]), _WRITTEN)
    ]
