"""nginx writes a file where the system or another program looks for its own.

nginx opens logs as root, and visitors decide what is in them: ``error_log /etc/cron.d/x`` is a program that root
runs. Logs whose path a visitor chooses, and files that are run when they are requested, are reported as well.
What the live release writes to passes, and so does what is beside it in a folder of people's own, as ``/sites``. A
``.log`` passes beside another one of live, and in a folder for logs, as ``/usr/src/app/log``: no program looks there.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...paths import begins_with_visitor, fixed_part, is_below, is_hidden
from ...scopes import scopes
from ...variables import expanded

LEVEL = "high"
ACCEPTED_BY_TREE = False

# Logs, caches and data. The rest of a machine belongs to the system and to other programs.
_KNOWN = (
    *("/var/log", "/var/cache", "/var/tmp", "/tmp", "/run", "/var/run", "/var/lock", "/var/www", "/var/lib/nginx"),
    *("/var/lib/angie", "/var/lib/openresty", "/dev/shm", "/dev/null", "/dev/stdout", "/dev/stderr", "/srv", "/data"),
    *("/home", "/opt", "/mnt", "/media", "/www", "/usr/local/nginx", "/usr/local/openresty", "/usr/share/nginx"),
    *("/var/local", "/storage", "/logs", "/log", "/cache", "/app"),
)
# Programs of other users listen there.
_NEVER = (
    *("/run/systemd", "/run/dbus", "/run/sudo", "/run/user", "/run/sluice", "/run/tmpfiles.d", "/run/udev"),
    *(
        "/run/modprobe.d",
        "/run/modules-load.d",
        "/run/sysctl.d",
        "/run/binfmt.d",
        "/run/environment.d",
        "/run/polkit-1",
    ),
    *("/run/NetworkManager", "/run/cron", "/run/motd.d", "/run/motd.dynamic.d", "/run/ld.so.conf.d"),
)
# Folders at the root that every system has; another one is people's own.
_SYSTEM = (
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "usr",
    "var",
)
# What is asked for, or called, is run: a log of that name has what visitors wrote.
_PROGRAM = re.compile(r"\.(?:php\d?|phtml|phar|cgi|fcgi|jsp|lua)$", re.IGNORECASE)
_FIRST = (
    "access_log",
    "error_log",
    "pid",
    "lock_file",
    "ssl_key_log",
    "working_directory",
    "google_perftools_profiles",
)
_STORES = ("proxy_store", "fastcgi_store", "uwsgi_store", "scgi_store")
_ELSEWHERE = ("syslog:", "memory:")
_WORDS = ("off", "on", "stderr")
_LOGS = ("access_log", "error_log")
_FOLDERS_OF_LOGS = ("log", "logs")


def _written(config: Config) -> Iterator[tuple[Directive, str]]:
    """Yield each path that nginx writes to, with the directive that names it."""
    for directive in config.walk():
        name = directive.name
        if directive.args and (name in (*_FIRST, *_STORES) or name.endswith(("_temp_path", "_cache_path"))):
            yield directive, directive.args[0]
    for scope in scopes(config):
        root = next((scope.own[name][0] for name in ("alias", "root") if name in scope.own), None)
        methods = scope.effective("dav_methods")
        stores = [each for name in _STORES for each in scope.effective(name) if each.args[:1] == ["on"]]
        writes = [*stores, *(each for each in methods if "off" not in each.args)]
        own = next((each for each in writes if each.name in scope.own), None)
        if scope.block is not None and writes and (root or own):
            for name in ("alias", "root"):
                if scope.effective(name):
                    yield own or root or writes[0], scope.value(name)
                    break


def _is_known(path: str, folders: frozenset[str], known: tuple[str, ...], context: LintContext) -> bool:
    if path.startswith(_ELSEWHERE) or path in _WORDS:
        return True
    if path.startswith("$"):
        return not begins_with_visitor(path)
    if not path.startswith("/"):
        # Below nginx's own prefix, unless it climbs out of it.
        return ".." not in path.split("/") and not path.startswith("pipe:")
    fixed = context.real(fixed_part(path))
    if _PROGRAM.search(path):
        return False
    return fixed in folders or (is_below(fixed, known) and not is_below(fixed, _NEVER) and not is_hidden(fixed))


def _is_log(path: str, beside: frozenset[str], context: LintContext) -> bool:
    """Return whether a path that no variable changes is a log where logs are."""
    if not path.startswith("/") or not path.endswith(".log") or "$" in path:
        return False
    real = context.real(fixed_part(path))
    folder = posixpath.dirname(real)
    if not real.endswith(".log") or is_below(real, _NEVER) or is_hidden(real):
        return False
    return folder in beside or posixpath.basename(folder) in _FOLDERS_OF_LOGS


def _folders_of_logs(live: Config) -> Iterator[str]:
    for each in live.named(*_LOGS):
        if each.args and each.args[0].endswith(".log") and "$" not in each.args[0]:
            yield posixpath.dirname(fixed_part(each.args[0]))


def _folders_of_people(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders at the root that paths are in, where no system has them."""
    for top in {path.split("/")[1] for path in paths if path.count("/") > 1}:
        if top and top not in _SYSTEM:
            yield f"/{top}"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find files that are written outside of known directories, and of those that the live release writes to."""
    live = frozenset(fixed_part(path) for _, path in _written(context.live)) if context.live else frozenset()
    beside = frozenset(_folders_of_logs(context.live)) if context.live else frozenset()
    known = (*_KNOWN, *_folders_of_people(live))

    # Thousands of servers have the same few.
    @functools.cache
    def judged(given: str) -> bool:
        return all(_is_known(each, live, known, context) for each in expanded(config, given))

    for directive, path in _written(config):
        if not judged(path) and not (directive.name in _LOGS and _is_log(path, beside, context)):
            yield finding(
                directive,
                f"nginx writes to {path}, which is no place for logs, caches or uploads",
                expected="a directory of nginx's own, as below /var/log/nginx or /var/cache/nginx",
                fix="name a directory of nginx's own",
            )
