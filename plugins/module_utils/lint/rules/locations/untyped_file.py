"""A text file of the release has no known extension, so browsers download it instead of showing it.

nginx takes the type from the extension. A file without one, as those that prove a domain below ``/.well-known``, gets
``default_type``, and the usual ``application/octet-stream`` is what a browser saves to disk. Looked at are the files
that the release brings and a location serves.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ....config.match import choose_location
from ....config.parse import CONF_ROOT, Config, Directive
from ....errors import SluiceError
from ....tree_reader import read_inside
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, blocks, location_kind

LEVEL = "medium"
NEW = "high"

_DOWNLOADED = "application/octet-stream"
_MOST_FILES, _MOST_SHOWN = 2_000, 3
_MOST_BYTES = 1 << 20


def _served(scope: BlockScope, server: Directive, files: list[str]) -> Iterator[tuple[str, Directive]]:
    """Yield each file that a location serves, with the directive that leads to it."""
    block = scope.block
    if block is None:
        return
    kind, path = location_kind(block)
    for alias in scope.own.get("alias", ()):
        target = posixpath.join(CONF_ROOT, alias.args[0])
        if "$" not in target and not kind.startswith("~"):
            for file in files:
                exact = kind == "=" and file == posixpath.normpath(target)
                below = kind != "=" and file.startswith(target)
                if exact or (below and choose_location(server, path + file.removeprefix(target)) is block):
                    yield file, alias
        return
    for root in scope.effective("root")[-1:]:
        folder = posixpath.normpath(posixpath.join(CONF_ROOT, root.args[0]))
        for file in files if "$" not in folder else ():
            if file.startswith(f"{folder}/") and choose_location(server, file.removeprefix(folder)) is block:
                yield file, root if root in scope.own.get("root", ()) else block


def _extensions(scope: BlockScope) -> set[str]:
    rows = [row for types in scope.effective("types") for row in types.block or []]
    return {extension for row in rows for extension in row.args} if rows else {"html", "gif", "jpg"}


def _is_text(context: LintContext, file: str) -> bool:
    if context.tree is None:
        return False
    try:
        data = read_inside(context.tree, posixpath.relpath(file, CONF_ROOT))
        return len(data) <= _MOST_BYTES and b"\0" not in data and bool(data.decode("utf-8"))
    except (SluiceError, OSError, UnicodeDecodeError):
        return False


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations that serve text files of the release as ``application/octet-stream``."""
    files = sorted(context.brings)
    if len(files) > _MOST_FILES:
        return
    for scope, _ in blocks(config, "location"):
        server = scope.around("server")
        if (
            server is None
            or server.block is None
            or scope.value("default_type") != _DOWNLOADED
            or "return" in scope.own
        ):
            continue
        known = _extensions(scope)
        found: dict[int, tuple[Directive, list[str]]] = {}
        for file, place in _served(scope, server.block, files):
            name = posixpath.basename(file)
            extension = name.rpartition(".")[2].lower() if "." in name else ""
            if extension not in known and _is_text(context, file):
                found.setdefault(id(place), (place, []))[1].append(file)
        for place, names in found.values():
            shown = ", ".join(names[:_MOST_SHOWN]) + (" and others" if len(names) > _MOST_SHOWN else "")
            yield finding(
                place,
                f"browsers download {shown} instead of showing it: nginx knows no type for its extension",
                expected="default_type text/plain in this location",
                fix="set default_type there, or give the files an extension",
            )
