"""A file that nginx writes where others look for theirs: a log in ``/etc/cron.d`` is a program of root's.

nginx opens logs as root, and visitors decide what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...places import begins_with_visitor, fixed_part, is_below, is_hidden
from ...scopes import scopes

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
_NEVER = ("/run/systemd", "/run/dbus", "/run/sudo", "/run/user", "/var/run/sudo", "/run/sluice", "/run/tmpfiles.d")
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
_ELSEWHERE = ("off", "on", "stderr", "syslog:", "memory:")


def _written(config: Config) -> Iterator[tuple[Directive, str]]:
    """Yield each path that nginx writes to, with the directive that names it."""
    for directive in config.walk():
        name = directive.name
        if directive.args and (name in (*_FIRST, *_STORES) or name.endswith(("_temp_path", "_cache_path"))):
            yield directive, directive.args[0]
    for scope in scopes(config):
        if scope.block is not None and "dav_methods" in scope.own and "off" not in scope.own["dav_methods"][0].args:
            for name in ("alias", "root"):
                if scope.effective(name):
                    yield scope.own["dav_methods"][0], scope.value(name)
                    break


def _is_known(path: str, folders: frozenset[str]) -> bool:
    if path.startswith(_ELSEWHERE):
        return True
    if path.startswith("$"):
        return not begins_with_visitor(path)
    if not path.startswith("/"):
        # Below nginx's own prefix, unless it climbs out of it.
        return ".." not in path.split("/") and not path.startswith("pipe:")
    fixed = fixed_part(path)
    return fixed in folders or (is_below(fixed, _KNOWN) and not is_below(fixed, _NEVER) and not is_hidden(fixed))


def run(config: Config, context: Context) -> list[Finding]:
    """Find files that are written outside of known folders, and of those that the live release writes to."""
    live = frozenset(fixed_part(path) for _, path in _written(context.live)) if context.live else frozenset()
    return [
        Finding(
            f"nginx writes to {path}, which is no place for logs, caches or uploads",
            file=directive.file,
            line=directive.line,
            expected="a folder of nginx's own, as below /var/log/nginx or /var/cache/nginx",
            seen=" ".join([directive.name, *directive.args]),
            mend="name a folder of nginx's own",
        )
        for directive, path in _written(config)
        if not _is_known(path, live)
    ]
