"""Document roots, and the pages in them that a configuration names: index files, error pages, fallbacks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from ...config.match import choose_location
from ...config.parse import Directive
from ..model import Need
from .scope import Scoped, Scopes
from .variables import literal_start, possible

__all__ = ["page_needs"]

# What answers instead of a file.
_HANDLERS = (
    "proxy_pass",
    "grpc_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "memcached_pass",
    "return",
    "stub_status",
    "empty_gif",
    "echo",
    "content_by_lua_block",
    "content_by_lua_file",
    "js_content",
    "perl",
    "hls",
    "rtmp_stat",
    "random_index",
    "autoindex",
    "internal",
    "api",
)
# The arguments that are added to a page, in either spelling.
_QUERY = re.compile(r"\?|\$\{?is_args\b\}?")
_NAME_VARIABLES = ("$host", "$server_name", "$http_host", "${host}", "${server_name}", "${http_host}")


class _Place(NamedTuple):
    """Where files are served from in a block: the directory, and the part of the URI that ``alias`` replaces."""

    folder: str
    replaced: str = ""

    def file(self, uri: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, uri.removeprefix(self.replaced).lstrip("/")))


class _Pages:
    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self._handling: dict[int, bool] = {}

    def folders(self, scoped: Scoped) -> Iterator[str]:
        """The directories that a ``root`` or ``alias`` names."""
        for word in possible(scoped.directive.args[0], scoped, self.scopes):
            if "$" not in word:
                yield self.scopes.below_prefix(word)
                continue
            names = self._server_names(scoped.way)
            filled = {_fill(word, name) for name in names}
            complete = sorted(each for each in filled if "$" not in each)
            start = literal_start(word)
            yield from (self.scopes.below_prefix(each) for each in complete)
            if not complete and start not in ("", "/"):
                yield self.scopes.below_prefix(start)

    def _server_names(self, way: tuple[Directive, ...]) -> list[str]:
        names = [name for each in self.scopes.inherited("server_name", way) for name in each.args]
        return [name for name in names if name and name[0] not in "~*._" and not name.endswith("*")]

    def place(self, way: tuple[Directive, ...]) -> _Place | None:
        """Where a block serves files from; None where only a request decides."""
        for index in range(len(way) - 1, -1, -1):
            block = way[index]
            for name in ("alias", "root"):
                for directive in self.scopes.directly(block, name):
                    if not directive.args:
                        continue
                    folder = next(self.folders(Scoped(directive, way[: index + 1])), "")
                    if not folder or "$" in folder:
                        return None
                    if name == "root":
                        return _Place(folder)
                    return _Place(folder, block.args[-1]) if _is_prefix(block) else None
        return _Place(self.scopes.below_prefix("html"))

    def handles(self, block: Directive) -> bool:
        """Return whether something else than a file answers in a block."""
        if id(block) not in self._handling:
            self._handling[id(block)] = any(child.name in _HANDLERS for child in block.block or [])
        return self._handling[id(block)]

    def uri(self, uri: str, server: Scoped) -> str:
        """The file that answers for a URI of a server, or nothing where it is no file's."""
        way = (*server.way, server.directive)
        location = choose_location(server.directive, uri)
        inside = (*way, location) if location is not None else way
        if any(self.handles(block) for block in inside[len(way) - 1 :]):
            return ""
        place = self.place(inside)
        return place.file(uri) if place else ""


def _fill(word: str, name: str) -> str:
    for variable in _NAME_VARIABLES:
        word = word.replace(variable, name)
    return word


def _is_prefix(block: Directive) -> bool:
    return block.name == "location" and (len(block.args) == 1 or block.args[0] in ("=", "^~"))


def _server_of(scoped: Scoped) -> Scoped | None:
    for index, block in enumerate(scoped.way):
        if block.name == "server" and scoped.context == "http":
            return Scoped(block, scoped.way[:index])
    return None


def _servers(scopes: Scopes, way: tuple[Directive, ...]) -> list[Scoped]:
    """The servers that a directive in these blocks is for: its own, or every one of ``http``."""
    own = _server_of(Scoped(way[-1], way)) if way else None
    if own is not None:
        return [own]
    return [each for each in scopes.named("server") if each.context == "http" and len(each.way) == 1]


def _indexes(scopes: Scopes, pages: _Pages) -> Iterator[Need]:
    """Index files of servers and of prefix locations that serve files."""
    for scoped in scopes.named("server", "location"):
        block = scoped.directive
        if scoped.context != "http" or block.block is None:
            continue
        if block.name == "location" and not (_is_prefix(block) and block.args[-1].endswith("/")):
            continue
        way = (*scoped.way, block)
        uri = block.args[-1] if block.name == "location" else "/"
        own_root = scopes.directly(block, "root") or scopes.directly(block, "alias")
        if block.name == "location" and not own_root and uri != "/":
            continue
        if block.name == "server" and choose_location(block, "/") is not None:
            continue
        if pages.handles(block) or scopes.inherited("autoindex", way):
            continue
        place = pages.place(way)
        if place is None:
            continue
        # nginx's own default is no need of the release.
        for directive in scopes.inherited("index", way):
            for word in directive.args:
                if "$" not in word and not word.startswith("/"):
                    yield Scoped(directive, way).need("file", posixpath.join(place.file(uri), word), "index")


def _error_pages(scopes: Scopes, pages: _Pages) -> Iterator[Need]:
    for scoped in scopes.named("error_page"):
        uri = _QUERY.split(scoped.directive.args[-1], maxsplit=1)[0] if scoped.directive.args else ""
        if uri.startswith("/") and "$" not in uri:
            for server in _servers(scopes, scoped.way):
                path = pages.uri(uri, server)
                if path:
                    yield scoped.need("file", path, "page")


def _fallbacks(scopes: Scopes, pages: _Pages) -> Iterator[Need]:
    """Literal words of ``try_files`` after one with a variable; one that comes first is a switch, as of maintenance."""
    for scoped in scopes.named("try_files"):
        words = [_QUERY.split(word, maxsplit=1)[0] for word in scoped.directive.args]
        server = _server_of(scoped)
        for index, word in enumerate(words):
            varied = any("$" in before for before in words[:index])
            if server is None or not varied or "$" in word or word.startswith(("=", "@")) or word.endswith("/"):
                continue
            last = index == len(words) - 1
            place = pages.place(scoped.way)
            uri = word if word.startswith("/") else f"/{word}"
            path = pages.uri(uri, server) if last else place.file(uri) if place else ""
            if path:
                yield scoped.need("file", path, "page")


def page_needs(scopes: Scopes) -> Iterator[Need]:
    """List document roots, targets of ``alias``, index files (of one directory any will do) and named pages."""
    pages = _Pages(scopes)
    for scoped in scopes.named("root", "alias"):
        if scoped.directive.args and scoped.context in ("http", ""):
            for folder in pages.folders(scoped):
                # An alias of one exact URI names a file, and so does one with an extension.
                file = scoped.directive.name == "alias" and not folder.endswith("/") and _names_file(scoped, folder)
                yield scoped.need(
                    "file" if file else "directory", posixpath.normpath(folder), "page" if file else "root"
                )
    yield from _indexes(scopes, pages)
    yield from _error_pages(scopes, pages)
    yield from _fallbacks(scopes, pages)


def _names_file(scoped: Scoped, folder: str) -> bool:
    block = scoped.way[-1] if scoped.way else None
    exact = block is not None and block.name == "location" and block.args[:1] == ["="]
    asked = block.args[-1] if block is not None and block.args else ""
    return exact or (bool(posixpath.splitext(folder)[1]) and not asked.endswith("/"))
