"""What a configuration says about the machine around it: logs, workers, listeners."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..untrusted import whole_number
from .parse import Config, Directive

__all__ = ["Listen", "facts", "listen_at", "listeners", "routes", "server_names", "sockets"]

# Directives whose argument is a file that nginx reads and that seldom belongs to the tree.
_READS_FILE = (
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_trusted_certificate",
    "ssl_client_certificate",
    "ssl_crl",
    "ssl_dhparam",
    "ssl_password_file",
    "ssl_session_ticket_key",
    "ssl_stapling_file",
    "proxy_ssl_certificate",
    "proxy_ssl_certificate_key",
    "proxy_ssl_trusted_certificate",
    "auth_basic_user_file",
    "auth_jwt_key_file",
)

_DEFAULT_WORKERS = "1"
# Where most builds write, if the configuration says nothing.
_USUAL = {"error_logs": "/var/log/nginx/error.log", "access_logs": "/var/log/nginx/access.log"}
# How what is no file is called in the place of a log.
_NO_FILE = ("syslog:", "memory:")


class Listen(NamedTuple):
    """Where a server listens. ``address`` is ``*`` for every address and ``unix:…`` for a socket (then port is 0)."""

    address: str
    port: int
    tls: bool
    default: bool


def _files(directives: list[Directive], usual: str) -> list[str]:
    found = {directive.args[0] for directive in directives if directive.args}
    paths = {path for path in found if path.startswith("/") and "$" not in path}
    return sorted(paths | {usual} if not found else paths)


def _access_logs(config: Config) -> list[str]:
    usual = {_USUAL["access_logs"]} if _has_usual_access_log(config) else set()
    return sorted({*_files(config.named("access_log"), _USUAL["access_logs"]), *usual} - _forgeable(config))


def _has_usual_access_log(config: Config) -> bool:
    # What a server or a location says leaves the usual one to the others.
    return not any(block.children("access_log") for block in config.named("http"))


def _forgeable(config: Config) -> set[str]:
    """Logs that nobody can believe: where nginx escapes nothing, a visitor can write lines of anybody's requests."""
    bare = {each.args[0] for each in config.named("log_format") if each.args[1:2] == ["escape=none"]}
    return {each.args[0] for each in config.named("access_log") if not bare.isdisjoint(each.args[1:2])}


def _own_logs(config: Config) -> dict[str, list[str]]:
    errors, accesses = config.named("error_log"), config.named("access_log")
    is_usual = {"error_logs": not errors, "access_logs": _has_usual_access_log(config)}
    found = {}
    for kind, logs in (("error_logs", errors), ("access_logs", accesses)):
        named = {each.args[0] for each in logs if each.args} - _forgeable(config)
        relative = {path for path in named if not path.startswith(("/", *_NO_FILE)) and "$" not in path}
        found[kind] = sorted(relative - {"off", "stderr"} | ({_USUAL[kind]} if is_usual[kind] else set()))
    return {kind: paths for kind, paths in found.items() if paths}


def facts(config: Config) -> dict[str, Any]:
    """Return what the engine on a host needs to know of a release.

    ``error_logs`` and ``access_logs`` are absolute paths, of logs that can be believed. Of some only the binary knows
    where they are, and ``own_logs`` has these by the same names: one that is relative to its prefix, or the absolute
    path that stands for the one it was built with. ``worker_processes`` is the directive's value, nginx's own default
    where it is not there; ``main_directives`` are the names in the main context, which ``nginx -g`` must not repeat;
    ``modules`` are the names of the shared objects that it loads; ``outside`` are files that it reads by absolute
    paths, as certificates; ``user`` are the arguments of the directive; ``pid`` is the path of the pid file or empty,
    and ``foreground`` whether nginx is not to become a daemon. ``quic`` is there where it listens for QUIC.
    """
    workers = [each.args[0] for each in config.directives if each.name == "worker_processes" and each.args]
    users = [list(each.args) for each in config.directives if each.name == "user" and each.block is None]
    main = {each.name: each.args[0] for each in config.directives if each.block is None and each.args}
    quic = any("quic" in listen.args for server in config.servers() for listen in server.children("listen"))
    return {
        **({"quic": True} if quic else {}),
        "user": users[0] if users else [],
        "pid": main.get("pid", ""),
        "foreground": main.get("daemon") == "off",
        "error_logs": _files(config.named("error_log"), _USUAL["error_logs"]),
        "access_logs": _access_logs(config),
        "own_logs": _own_logs(config),
        "worker_processes": workers[0] if workers else _DEFAULT_WORKERS,
        "main_directives": sorted({directive.name for directive in config.directives if directive.block is None}),
        "outside": sorted(
            {
                path
                for name in _READS_FILE
                for directive in config.named(name)
                for path in directive.args[:1]
                if path.startswith("/") and "$" not in path
            }
        ),
        "modules": sorted(
            {directive.args[0].rpartition("/")[2] for directive in config.named("load_module") if directive.args}
        ),
    }


def listen_at(directive: Directive, server_tls: bool = False) -> Listen:
    """Read a ``listen``; ``server_tls`` says that the server has ``ssl on``."""
    where, *options = directive.args
    tls = "ssl" in options or "quic" in options or server_tls
    default = "default_server" in options or "default" in options
    if where.startswith("unix:"):
        return Listen(where, 0, tls, default)
    address, _, port = where.rpartition(":")
    if where.endswith("]"):
        address, port = where, ""
    if not address and whole_number(port) is None:
        address, port = port, ""
    number = whole_number(port)
    return Listen(address or "*", 80 if number is None else number, tls, default)


def listeners(server: Directive) -> list[Listen]:
    """List where a ``server`` block listens; nginx's default is port 80 on every address."""
    tls = server.value("ssl") == "on"
    found = [listen_at(directive, tls) for directive in server.children("listen") if directive.args]
    return found or [Listen("*", 80, tls, False)]


def sockets(config: Config) -> dict[tuple[str, int], frozenset[str]]:
    """Map each address and port to the options of all servers there: what one says of a socket holds for all."""
    found: dict[tuple[str, int], frozenset[str]] = {}
    for server in config.servers():
        for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
            options = frozenset(directive.args[1:]) | ({"ssl"} if listen.tls else frozenset())
            place = (listen.address, listen.port)
            found[place] = found.get(place, frozenset()) | options
    return found


def routes(config: Config) -> dict[tuple[str, int], Listen]:
    """Map each address and port that a ``stream`` server of the tree passes connections on to that server's listener.

    Visitors come through it; what stands behind is nobody's business outside.
    """
    found: dict[tuple[str, int], Listen] = {}
    for stream in (each for each in config.directives if each.name == "stream"):
        named = {block.args[0]: block.children("server") for block in stream.children("upstream") if block.args}
        values = {block.args[-1]: block.block or [] for block in stream.children("map") if block.args}
        for server in stream.children("server"):
            target = server.value("proxy_pass")
            rows = [row.args[0] for row in values.get(target, []) if row.args] or [target]
            ends = [member.args[0] for row in rows for member in named.get(row, [])] or rows
            for end in [*ends, *(row for row in rows if row not in named)]:
                address, _, port = end.rpartition(":")
                place = (end, 0) if end.startswith("unix:") else (address, whole_number(port) or 0)
                for listen in listeners(server)[:1]:
                    found.setdefault(place, listen)
    return found


def server_names(server: Directive) -> list[str]:
    """List the names of a ``server`` block, in order; ``[""]`` where it has none."""
    names = [name for directive in server.children("server_name") for name in directive.args]
    return names or [""]
