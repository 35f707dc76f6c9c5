"""A document root that is the machine's own: ``root /`` hands out every file that workers can read."""

from __future__ import annotations

from ....config.parse import CONF_ROOT, Config
from ....verdicts.model import Finding
from ...context import Context
from ...places import begins_with_visitor, fixed_part, is_below, is_hidden

LEVEL = "high"
ACCEPTED_BY_TREE = False

_WHOLE = frozenset(
    {
        *("/", "/bin", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/run", "/sbin", "/tmp", "/usr"),
        *("/usr/bin", "/usr/lib", "/usr/local", "/usr/share", "/var", "/var/cache", "/var/lib", "/var/log", "/var/run"),
        *("/var/spool", "/var/tmp", "/var/backups", "/var/mail", CONF_ROOT),
    }
)
_NEVER = (
    *("/boot", "/dev", "/proc", "/root", "/sys", "/etc/ssl", "/etc/ssh", "/etc/pki", "/etc/letsencrypt/live"),
    *("/etc/letsencrypt/archive", "/etc/letsencrypt/accounts", "/run/secrets", "/var/lib/sluice", "/var/spool/cron"),
)


def run(config: Config, context: Context) -> list[Finding]:
    """Find ``root`` and ``alias`` that are folders of the system, or hidden ones."""
    findings = []
    for directive in config.named("root", "alias"):
        given = directive.args[0] if directive.args else ""
        if not given.startswith("/") and not begins_with_visitor(given):
            continue
        path = fixed_part(given)
        # A variable at the end of a folder, as /home/$user, chooses within it; at the very beginning it chooses all.
        whole = path in _WHOLE and (path == "/" or "$" not in given)
        if begins_with_visitor(given) or whole or is_below(path, _NEVER) or is_hidden(path):
            findings.append(
                Finding(
                    f"{directive.name} {directive.args[0]} serves files of the system",
                    file=directive.file,
                    line=directive.line,
                    expected="a folder that holds what visitors may have, as /srv/shop/public",
                    seen=" ".join([directive.name, *directive.args]),
                    mend="name the folder of the site",
                )
            )
    return findings
