"""Room for headers is given in a server that is not the default one of its port, which reads the first lines.

nginx knows which server is meant when it has read ``Host``. ``large_client_header_buffers`` in another server does
nothing for a long first line, which is answered with 414, nor for what comes before ``Host``; cookies of browsers come
after it, and there it works. Over TLS the name is known before.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"

_READING = ("large_client_header_buffers", "client_header_buffer_size")


def _defaults(config: Config) -> dict[tuple[str, int], Directive]:
    """Map each address and port in the clear to its default server: the one that says so, else the first."""
    first: dict[tuple[str, int], Directive] = {}
    said: dict[tuple[str, int], Directive] = {}
    for server in config.servers():
        for each in listeners(server):
            first.setdefault((each.address, each.port), server)
            if each.default:
                said.setdefault((each.address, each.port), server)
    return first | said


def _written(block: Directive | None, name: str) -> list[str]:
    return next((each.args for each in block.children(name)), []) if block is not None else []


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find room for headers that no default server has as well."""
    defaults = _defaults(config)
    http = next((each for each in config.directives if each.name == "http"), None)
    around = {name: _written(http, name) for name in _READING}
    for server in config.servers():
        own = listeners(server)
        if any(each.tls for each in own):
            continue
        readers = [defaults[each.address, each.port] for each in own]
        for name in _READING:
            for directive in server.children(name):
                others = [each for each in readers if each is not server]
                if any((_written(each, name) or around[name]) != directive.args for each in others):
                    yield finding(
                        directive,
                        f"{directive.text} has no say in the first line of a request, which the default server of the"
                        " port reads",
                        expected=f"{name} in http, or in the default server at {others[0].file}:{others[0].line}",
                        fix="move it to http",
                    )
