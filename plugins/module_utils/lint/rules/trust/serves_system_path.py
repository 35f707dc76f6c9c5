"""``root``, ``alias`` or a file name leads to files of the system, which visitors can then read.

``root /``, ``alias /etc/``, ``root $arg_x`` and ``try_files /../x`` hand out every file that workers can read. Links
of the release are followed, and so are the variables that ``set``, ``map``, ``geo`` and ``split_clients`` fill.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator

from ....config.parse import CONF_ROOT, Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...paths import begins_with_visitor, fixed_part, is_below, is_hidden
from ...variables import captures, expanded

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
_NAME = re.compile(r"\$\{?\w+")
_QUERY = re.compile(r"\?|\$\{?is_args\b")
# nginx looks for no ".." in them.
_BEHIND = re.compile(r"\$(?:\{\w+\}|\w+?)[-_.~]+$")
_ANY_PATH = re.compile(r"\$\{?(?:arg_\w|cookie_\w|http_(?!host\b)\w|args\b|query_string\b|request_uri\b)")


def _is_system(given: str, captured: frozenset[str], context: LintContext) -> bool:
    if _ANY_PATH.search(given) or begins_with_visitor(given):
        return True
    if given.startswith("$"):
        return (_NAME.match(given) or [""])[0].strip("${}") in captured
    if not given.startswith("/"):
        return False
    path = context.real(fixed_part(given))
    # A variable at the end of a folder, as /home/$user, chooses within it; at the very beginning it chooses all.
    if path in _WHOLE and (path == "/" or "$" not in given):
        return True
    return is_below(path, _NEVER) or is_hidden(path) or _is_file_of_etc(path, given)


def _is_file_of_etc(path: str, given: str) -> bool:
    return posixpath.dirname(path) == "/etc" and not given.endswith("/") and path != CONF_ROOT


def _leads(given: str, captured: frozenset[str], context: LintContext) -> str:
    """Return what a root leads to that is not the site's; empty where that is nothing."""
    if _is_system(given, captured, context):
        return given
    if not given.startswith("/"):
        return ""
    # A link in the release is followed by nginx as well.
    folder = fixed_part(given)
    links = context.links_below(folder)
    return next((f"{path} → {target}" for path, target in links if _is_system(target, captured, context)), "")


def _paths(config: Config, directive: Directive) -> list[str]:
    """Return what nginx appends to the root without looking for ``..``; the first word of a rewrite is a pattern."""
    words = directive.args[1:] if directive.name == "rewrite" else directive.args
    return [_QUERY.split(each)[0] for word in words for each in expanded(config, word)]


def _climbs(path: str) -> bool:
    return ".." in path.split("/") and "://" not in path


def _chosen(path: str) -> bool:
    # Behind another variable and letters, as in ${uri}__$args, ".." would climb out of a folder that nobody made.
    return _climbs(path) or any(not _BEHIND.search(path[: each.start()]) for each in _ANY_PATH.finditer(path))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find ``root`` and ``alias`` that are directories of the system, or hidden ones, and paths that leave the root."""
    captured = captures(config)

    # Thousands of servers have the same few.
    @functools.cache
    def judged(given: str) -> str:
        return next(filter(None, (_leads(each, captured, context) for each in expanded(config, given))), "")

    for directive in config.named("root", "alias"):
        leads = judged(directive.args[0]) if directive.args else ""
        if leads:
            yield finding(
                directive,
                f"{directive.name} {directive.args[0]} serves files of the system",
                expected="a directory that holds what visitors may have, as /srv/shop/public",
                actual=directive.text + f", as {leads}" * (leads != directive.args[0]),
                fix="name the directory of the site",
            )
    for directive in config.named("error_page", "index", "rewrite", "try_files"):
        if any(map(_chosen if directive.name == "try_files" else _climbs, _paths(config, directive))):
            yield finding(
                directive,
                f"{directive.name} leads out of the document root",
                expected="a path without .. that no visitor chooses",
                fix="name the file by its path below the root",
            )
