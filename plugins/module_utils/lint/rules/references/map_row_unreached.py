"""A row of a map is for a path whose place never asks for the variable, so the row does nothing.

A map of old paths works where its variable is asked for: in ``location / { if ($new_uri) { … } }`` only for what
``/`` answers. A row for ``/about/team`` does nothing where ``location ~ ^/about`` answers. Rows of the live release are
left alone: a place that came later may have been meant to answer instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...variables import names_in

LEVEL = "low"
NEW = "high"

_PATHS = ("$uri", "$document_uri")
_STAYS = ("break", "redirect", "permanent")
# More is not tried: rows times servers.
_MOST = 200_000


def _asks(block: Directive, name: str) -> bool:
    return any(name in names_in(word) for line in block.walk() for word in line.args)


def _asks_itself(server: Directive, name: str) -> bool:
    """Return whether a server asks for a variable outside of its locations."""
    lines = (line for each in server.block or () if each.name != "location" for line in each.walk())
    return any(name in names_in(word) for line in lines for word in line.args)


def _leads_on(location: Directive) -> bool:
    """Return whether a request may get to another place from here."""
    for line in location.walk():
        if line.name in ("try_files", "error_page", "index", "auth_request"):
            return True
        if line.name == "rewrite" and line.args[2:] not in ([word] for word in _STAYS):
            return True
    return False


def _is_read(servers: Sequence[Directive], name: str, path: str) -> bool:
    for server in servers:
        place = choose_location(server, path)
        if place is not None and (_asks(place, name) or _leads_on(place)):
            return True
    return False


def _asking(config: Config, name: str) -> list[Directive]:
    """Return the servers that ask for a variable in locations only; none where anything else does."""
    servers = [each for each in config.servers() if _asks(each, name)]
    inside = {id(line) for server in servers for line in server.walk()}
    elsewhere = (line for line in config.walk() if id(line) not in inside and line.name != "map")
    if any(name in names_in(word) for line in elsewhere for word in line.args):
        return []
    maps = (each for each in config.named("map") if name in names_in(each.args[0] if each.args else ""))
    return [] if any(True for _ in maps) or any(_asks_itself(each, name) for each in servers) else servers


def _rows(config: Config) -> set[tuple[str, str]]:
    """Return the rows of maps, each with the name of its variable."""
    maps = (each for each in config.named("map") if each.args)
    return {(block.args[-1].strip("${}"), row.text) for block in maps for row in block.block or ()}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rows for paths that are answered where nobody looks them up."""
    tried = 0
    known = _rows(context.live) if context.live else set()
    for block in config.named("map"):
        if len(block.args) != 2 or block.args[0] not in _PATHS:
            continue
        name = block.args[1].strip("${}")
        servers = _asking(config, name)
        for row in block.block or () if servers else ():
            tried += len(servers)
            if tried > _MOST:
                return
            if (name, row.text) in known:
                continue
            if row.name.startswith("/") and not _is_read(servers, name, row.name):
                place = choose_location(servers[0], row.name)
                where = place.text if place else "no location"
                yield finding(
                    row,
                    f"{row.name} is answered by {where}, which does not ask for ${name}",
                    expected=f"a path whose location asks for ${name}",
                    fix=f"write the redirect into that location, or ask for ${name} before the locations",
                )
