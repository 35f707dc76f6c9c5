"""A location that serves files and has no document root: nginx then looks below its own default, which holds nothing.

It comes from a ``root`` inside ``location /`` where the server should have it.
"""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Key, Scope, location_kind, scopes

LEVEL = "medium"
NEW = "high"

# Whoever has one of these answers without a file, or by another location.
_ANSWERS = (
    *("return", "rewrite", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"),
    *("memcached_pass", "stub_status", "empty_gif", "deny", "try_files", "content_by_lua_block"),
    *("content_by_lua_file", "js_content", "perl", "internal", "limit_except", "dav_methods", "location", "if"),
    *("auth_request", "error_page", "include", "api", "vts_status", "vhost_traffic_status_display", "echo"),
    *("push_stream_publisher", "push_stream_subscriber", "root", "nchan_subscriber"),
)


def _rootless(scope: Scope, server: Scope) -> bool:
    redirected = "return" in server.own or "rewrite" in server.own
    return not redirected and not scope.effective("root") and not any(name in scope.own for name in _ANSWERS)


def run(config: Config, context: Context) -> list[Finding]:
    """Find locations without a root in servers where another location has one."""
    rooted: dict[Key, str] = {}
    rootless = []
    for scope in scopes(config):
        block, server = scope.block, scope.outer
        if block is None or scope.kind != "location" or server is None or server.kind != "server":
            continue
        if "root" in scope.own:
            rooted[server.key] = scope.words
        elif not location_kind(block)[1].startswith("@") and _rootless(scope, server):
            rootless.append((block, server.key, scope.words))
    return [
        Finding(
            f"{words} serves files and has no root, which {rooted[key]} has",
            file=block.file,
            line=block.line,
            expected="root in the server, for all of its locations",
            seen=words,
            mend="move the root up from the location into the server",
        )
        for block, key, words in rootless
        if key in rooted
    ]
