"""A target has the bare name of a variable, as ``/index.php?args``: its ``$`` is missing.

Every request has the same argument then, or is redirected to a page that is called ``request_uri``. Looked at are
the targets of ``try_files``, ``rewrite``, ``return``, ``error_page`` and ``proxy_pass``, and parameters for programs
(``fastcgi_param QUERY_STRING query_string``). The name of an argument may be that of a variable: ``?uri=$uri``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_TARGETS = ("try_files", "rewrite", "return", "error_page", "proxy_pass")
_PARAMETERS = ("fastcgi_param", "uwsgi_param", "scgi_param")
# Names that nobody gives a page or an argument, wherever they stand; and those that are words of their own, as a query.
_ANYWHERE = re.compile(r"(?<![\w${-])(is_args|query_string|request_uri|document_uri)(?![\w=-])")
_AS_QUERY = re.compile(r"\?(args|uri)$|[?&]\w+=(args|uri|query_string|request_uri|http_host)(?=&|$)")
# As a parameter a name alone is meant to be looked up.
_LOOKED_UP = frozenset(
    {
        *("args", "query_string", "request_uri", "document_uri", "uri", "document_root", "realpath_root", "host"),
        *("fastcgi_script_name", "fastcgi_path_info", "request_method", "request_filename", "content_type"),
        *("content_length", "server_protocol", "server_name", "server_port", "server_addr", "remote_addr"),
        *("remote_port", "remote_user", "scheme", "request_scheme"),
    }
)


def _targets(directive: Directive) -> list[str]:
    args = directive.args
    if directive.name == "rewrite":
        return args[1:2]
    # What a page says is no target.
    if directive.name == "return":
        return [arg for arg in args[-1:] if arg.startswith(("/", "http://", "https://", "$scheme://"))]
    return args[-1:]


def _found(directive: Directive) -> str:
    """Return the name that lost its dollar; empty where none did."""
    if directive.name in _PARAMETERS:
        return directive.args[1] if len(directive.args) > 1 and directive.args[1] in _LOOKED_UP else ""
    for target in _targets(directive):
        match = _AS_QUERY.search(target) or _ANYWHERE.search(target)
        if match:
            return next(name for name in match.groups() if name)
    return ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find targets and parameters with the name of a variable and no dollar."""
    for directive in config.named(*_TARGETS, *_PARAMETERS):
        name = _found(directive)
        if name:
            yield finding(
                directive,
                f"{name} is the text {name} here, and no variable; did you mean ${name}?",
                expected=f"${name}",
                fix=f"write ${name}",
            )
