"""A ``location`` serves files but has no document root, while another location of the server has one.

nginx then looks below its own default directory, which holds nothing. It comes from a ``root`` inside ``location /``
that belongs into the server: the style sheets of the next location are not found.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, Key, blocks, location_kind

LEVEL = "medium"
NEW = "high"

# A location with one of these answers without a file, or through another location.
_ANSWERS = (
    *("return", "rewrite", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"),
    *("memcached_pass", "stub_status", "empty_gif", "deny", "try_files", "content_by_lua_block"),
    *("content_by_lua_file", "js_content", "perl", "internal", "limit_except", "dav_methods", "location", "if"),
    *("auth_request", "error_page", "include", "api", "vts_status", "vhost_traffic_status_display", "echo"),
    *("push_stream_publisher", "push_stream_subscriber", "root", "nchan_subscriber"),
)


def _rootless(scope: BlockScope, server: BlockScope) -> bool:
    redirected = "return" in server.own or "rewrite" in server.own
    return not redirected and not scope.effective("root") and not any(name in scope.own for name in _ANSWERS)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations without a root in servers where another location has one."""
    rooted: dict[Key, str] = {}
    rootless = []
    for scope, block in blocks(config, "location"):
        server = scope.outer
        if server is None or server.kind != "server":
            continue
        if "root" in scope.own:
            rooted[server.key] = block.text
        elif not location_kind(block)[1].startswith("@") and _rootless(scope, server):
            rootless.append((block, server.key))
    for block, key in rootless:
        if key in rooted:
            yield finding(
                block,
                f"{block.text} serves files but has no root; only {rooted[key]} has one",
                expected="root in the server, for all of its locations",
                fix="move root from the location up into the server",
            )
