"""Requests for the files that a release brings itself: pages and pictures below its own directory."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..config.derive import DerivedRequest, doors
from ..config.facts import routes, sockets
from ..config.parse import CONF_ROOT, Config, Directive
from ..errors import SluiceError
from ..tree_reader import kind_inside, paths_inside, read_inside

__all__ = ["Shipped", "edited", "shipped"]

# Pages for errors, mostly; a whole website in a configuration is asked for in part.
_MOST_FILES = 60
_MOST_REQUESTS = 400
_WEIGHT = 2


class Shipped(NamedTuple):
    """A request for a file that the release brings, and the file's path in the tree."""

    request: DerivedRequest
    file: str


def shipped(config: Config, tree: Path) -> list[Shipped]:
    """List a GET for each file below a ``root`` or ``alias`` that lies in the tree, at each server that has it."""
    return list(itertools.islice(_shipped(config, tree), _MOST_REQUESTS))


def edited(live: Path, candidate: Path, file: str) -> bool:
    """Return whether a file of the tree is another one in the candidate, is new there, or is gone."""
    return _content(live, file) != _content(candidate, file)


def _content(tree: Path, file: str) -> bytes | None:
    try:
        return read_inside(tree, file)
    except (OSError, SluiceError):
        return None


def _shipped(config: Config, tree: Path) -> Iterator[Shipped]:
    shared, routed = sockets(config), routes(config)
    above = [each for each in config.http() if each.name == "root"]
    paths = paths_inside(tree)
    for server in config.servers():
        folders = list(dict.fromkeys(_folders(server, above)))
        door = next(iter(doors(server, shared, 1, routed)), None) if folders else None
        for folder, prefix in folders if door else ():
            below = (path for path in paths if path.startswith(f"{folder}/") and kind_inside(tree, path) == "file")
            for file in itertools.islice(below, _MOST_FILES):
                if door is not None:
                    asked = door.ask(f"{prefix.rstrip('/')}/{posixpath.relpath(file, folder)}")
                    yield Shipped(asked._replace(weight=_WEIGHT), file)


def _folders(block: Directive, above: list[Directive]) -> Iterator[tuple[str, str]]:
    """Yield the folders of the tree from which a block serves, each with the path that leads to it."""
    roots = block.children("root") or above
    for each in roots:
        if each.args and (folder := _inside(each.args[0])):
            yield folder, "/"
    for location in block.children("location"):
        for each in location.children("alias"):
            plain = len(location.args) == 1 or location.args[0] == "^~"
            if plain and each.args and (folder := _inside(each.args[0])):
                yield folder, location.args[-1]
        yield from _folders(location, roots)


def _inside(path: str) -> str:
    """Return the path in the tree of a folder on the host; nothing where it is elsewhere, or told by a variable."""
    plain = posixpath.normpath(path)
    return plain.removeprefix(f"{CONF_ROOT}/") if plain.startswith(f"{CONF_ROOT}/") and "$" not in path else ""
