"""The directives of a tree, each with its file and line.

crossplane (ngxparse on PyPI) reads single files. Includes are followed here, because an absolute include of
``/etc/nginx/…`` means the tree that is examined and not the directory of the machine that examines it.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from ..errors import SluiceError
from ..manifest import CONF_ROOT
from ..textfmt import cut
from ..tree_reader import LeavesTree, find_inside, kind_inside, read_inside
from .arity import Context, fault, within
from .text import DEEPEST, SourceProblem, read_file, unescaped

__all__ = ["CONF_ROOT", "Config", "Directive", "SourceProblem", "Texts", "parse_tree"]

_WILD = frozenset("*?[")
# The modifier of a location may stand at its path without a space.
_GLUED = re.compile(r"(=|\^~|~\*|~)(?=.)", re.DOTALL)
# glob(3) has more in brackets: classes of letters, and backslashes.
_PLAIN_PATTERN = re.compile(r"(?:[^\[\\]|\[[!^]?[\w.,@~-]+\])*")
# Files that include each other twice double with each step; nginx would read for hours.
_MOST_DIRECTIVES = 1_000_000
# nginx reads a file by so many bytes, in which each word must have room.
_WORD_BUFFER = 4096
# A pattern is tried on so many paths in the time that a directive takes.
_PATHS_FOR_ONE = 8
# Above that many directives a block has a table of them by name.
_LARGE = 16


@dataclass(slots=True)
class Directive:
    """One directive. ``file`` is its path in the tree, ``block`` is None where there are no braces."""

    name: str
    args: list[str]
    file: str
    line: int
    block: list[Directive] | None = None
    # Blocks have up to hundreds of thousands of directives, and are asked for some of them again and again.
    _named: dict[str, list[Directive]] | None = field(default=None, init=False, repr=False, compare=False)
    found: Any = field(default=None, init=False, repr=False, compare=False)
    """What a reader has looked up in this block, and keeps."""

    @property
    def text(self) -> str:
        """The directive as it is written, without its block: ``listen 80``."""
        return " ".join([self.name, *self.args])

    def walk(self) -> Iterator[Directive]:
        """Yield this directive and everything below it, in order."""
        waiting = [self]
        while waiting:
            found = waiting.pop()
            yield found
            if found.block:
                waiting.extend(reversed(found.block))

    def children(self, name: str) -> list[Directive]:
        """List the directives called ``name`` directly in this block."""
        if self.block is None or len(self.block) < _LARGE:
            return [child for child in self.block or [] if child.name == name]
        if self._named is None:
            self._named = {}
            for child in self.block:
                self._named.setdefault(child.name, []).append(child)
        return self._named.get(name, [])

    def value(self, name: str, default: str = "") -> str:
        """Return the first argument of the first directive called ``name`` in this block."""
        for child in self.children(name):
            return child.args[0] if child.args else ""
        return default


@dataclass(eq=False)
class Config:
    """What a tree says: its directives with includes in place, the files that were read and what was wrong.

    ``without_match`` are the includes of a pattern that no file matches, of which nginx says nothing. It does not
    change once it is read, so what is asked of it again and again is looked up once. ``prefix`` is that of the nginx
    that reads it; empty stands for the usual one.
    """

    directives: list[Directive] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    outside: list[Directive] = field(default_factory=list)
    without_match: list[Directive] = field(default_factory=list)
    problems: list[SourceProblem] = field(default_factory=list)
    prefix: str = ""

    def walk(self) -> Iterator[Directive]:
        """Yield every directive, in order."""
        return iter(self._all)

    def named(self, *names: str) -> list[Directive]:
        """List every directive, at any depth, that has one of these names, in order."""
        if len(names) == 1:
            return [directive for _, directive in self._by_name.get(names[0], ())]
        found = [pair for name in dict.fromkeys(names) for pair in self._by_name.get(name, ())]
        return [directive for _, directive in sorted(found, key=itemgetter(0))]

    @functools.cached_property
    def _all(self) -> list[Directive]:
        return [directive for top in self.directives for directive in top.walk()]

    @functools.cached_property
    def _by_name(self) -> dict[str, list[tuple[int, Directive]]]:
        found: dict[str, list[tuple[int, Directive]]] = {}
        for number, directive in enumerate(self._all):
            found.setdefault(directive.name, []).append((number, directive))
        return found

    def http(self) -> Iterator[Directive]:
        """Yield the directives directly in ``http``."""
        for block in self.directives:
            if block.name == "http":
                yield from block.block or []

    def servers(self) -> Sequence[Directive]:
        """List the ``server`` blocks of ``http``."""
        return self._servers

    @functools.cached_property
    def _servers(self) -> list[Directive]:
        return [directive for directive in self.http() if directive.name == "server" and directive.block is not None]


Texts = dict[tuple[str, bytes], tuple[list[dict[str, Any]], list[SourceProblem]]]
"""What files say, by their paths and contents: two releases have most of them in common."""


class _TooMuch(Exception):
    """Nobody reads so much."""


class _ConfigReader:
    def __init__(self, root: Path, main: str, texts: Texts) -> None:
        self.root = root
        self._texts = texts
        self.config = Config()
        self._folders: dict[str, list[str]] = {}
        # A file may be included by each of thousands of servers.
        self._read: dict[str, tuple[list[dict[str, Any]], list[SourceProblem]]] = {}
        self._meant: dict[str, list[str] | None] = {}
        self._wrong: dict[str, str] = {}
        self._leaving: set[str] = set()
        self._elsewhere: set[str] = set()
        self._left = _MOST_DIRECTIVES
        try:
            self.config.directives = self.read(main, (), (), 0)
        except _TooMuch as error:
            self.config.problems.append(error.args[0])
        self.config.files = list(self._read)

    def read(self, name: str, way: tuple[str, ...], context: Context, depth: int) -> list[Directive]:
        """Read a file. Raises ``FileNotFoundError`` where there is none, ``SluiceError`` for what cannot be read."""
        if name in self._leaving:
            return []
        if name not in self._read:
            try:
                content = read_inside(self.root, name)
                if (name, content) not in self._texts:
                    self._texts[name, content] = read_file(content, name)
                self._read[name] = self._texts[name, content]
            except LeavesTree as leaves:
                self._leaving.add(name)
                self.config.outside.append(Directive("include", [leaves.target], name, 0))
                return []
        rows, problems = self._read[name]
        self.config.problems += problems
        return list(self.directives(rows, name, (*way, name), context, depth))

    def spend(self, cost: int, file: str, line: int) -> None:
        self._left -= cost
        if self._left < 0:
            what = f"with this line the configuration has more than {_MOST_DIRECTIVES:,} directives, includes in place"
            raise _TooMuch(SourceProblem(file, line, f"{what}; include each file once"))

    def directives(
        self, rows: list[dict[str, Any]], name: str, way: tuple[str, ...], context: Context, depth: int
    ) -> Iterator[Directive]:
        """Yield what is there. A directive with too few arguments is a problem and left out."""
        for row in rows:
            found = Directive(row["directive"], _separated(row["directive"], row["args"]), name, int(row["line"]))
            self.spend(1, name, found.line)
            wrong = _too_long(found) or fault(found.name, len(found.args), block="block" in row, context=context)
            if not wrong and depth >= DEEPEST:
                wrong = f"{DEEPEST} blocks and includes are around {found.name}; expected fewer"
            if wrong:
                self.config.problems.append(SourceProblem(name, found.line, wrong))
            elif found.name == "include":
                yield from self.include(found, way, context, depth + 1)
            else:
                if "block" in row:
                    inner = within(context, found.name)
                    found.block = list(self.directives(row["block"], name, way, inner, depth + 1))
                yield found

    def include(self, found: Directive, way: tuple[str, ...], context: Context, depth: int) -> Iterator[Directive]:
        pattern = unescaped(found.args[0])
        # Thousands of servers include the same few files.
        if pattern not in self._meant:
            self._meant[pattern] = self.meant(pattern, found)
        names = self._meant[pattern]
        if names is None:
            self.config.outside.append(found)
            return
        if _WILD & set(pattern) and not _PLAIN_PATTERN.fullmatch(pattern):
            self.problem(found, " has an odd pattern; expected *, ? and brackets as [0-9] and [!.]")
            return
        if not names and pattern not in self._elsewhere:
            self.config.without_match.append(found)
        self.spend(len(names), found.file, found.line)
        for name in names:
            if name in way:
                self.problem(found, f" goes in a circle: {' → '.join([*way[way.index(name) :], name])}")
                continue
            if name not in self._wrong:
                try:
                    yield from self.read(name, way, context, depth)
                    continue
                except FileNotFoundError:
                    self._wrong[name] = f": the release has no file {name}"
                except SluiceError as error:
                    self._wrong[name] = f": {error}"
            self.problem(found, self._wrong[name])

    def problem(self, include: Directive, what: str) -> None:
        self.config.problems.append(SourceProblem(include.file, include.line, f"include {include.args[0]}{what}"))

    def meant(self, pattern: str, found: Directive) -> list[str] | None:
        """List the files that an include means; None where they are not of this tree."""
        path = posixpath.join(CONF_ROOT, pattern)
        if not path.startswith(f"{CONF_ROOT}/"):
            # By another way, as //etc/nginx or /etc/../etc/nginx.
            path = "/" + posixpath.normpath(path).lstrip("/")
            if not path.startswith(f"{CONF_ROOT}/"):
                return None
        wanted = posixpath.relpath(path, CONF_ROOT) if ".." not in path.split("/") else path.removeprefix(CONF_ROOT)[1:]
        try:
            if _WILD & set(wanted):
                return list(self.glob("", wanted.split("/"), found))
            return [find_inside(self.root, wanted) if ".." in wanted.split("/") else wanted]
        except LeavesTree:
            return None
        except (SluiceError, OSError):
            return [wanted]

    def glob(self, folder: str, parts: list[str], found: Directive) -> Iterator[str]:
        """Match as glob(3) does: a star stops at a slash, and hidden files are left out."""
        part, *left = parts
        if not _WILD & set(part):
            path = posixpath.join(folder, part)
            if left:
                yield from self.glob(path, left, found)
            elif kind_inside(self.root, path) != "dir":
                yield path
            return
        # A link is followed, so that what it leads to has the name that nginx gives it.
        try:
            inside = find_inside(self.root, folder)
            names = self.listed(inside)
        except LeavesTree as leaves:
            target = posixpath.join(leaves.target, *parts)
            self.config.outside.append(Directive("include", [target], found.file, found.line))
            self._elsewhere.add(unescaped(found.args[0]))
            return
        except (SluiceError, OSError):
            return
        if ".." in folder.split("/"):
            folder = inside
        # Each server may have a folder of its own, and a pattern in it.
        self.spend(len(names) // _PATHS_FOR_ONE, found.file, found.line)
        for name in names:
            path = posixpath.join(folder, name)
            if not _matches(name, part):
                continue
            if not left:
                if (self.root / inside / name).is_symlink() or not (self.root / inside / name).is_dir():
                    yield path
            elif kind_inside(self.root, path) == "dir" or self.leaves(path):
                yield from self.glob(path, left, found)

    def leaves(self, path: str) -> bool:
        try:
            find_inside(self.root, path)
        except LeavesTree:
            return True
        except (SluiceError, OSError):
            return False
        return False

    def listed(self, inside: str) -> list[str]:
        if inside not in self._folders:
            self._folders[inside] = sorted(os.listdir(self.root / inside))
        return self._folders[inside]


def _too_long(found: Directive) -> str:
    """Return that a directive has a word which nginx cannot read; empty where it has none.

    Rules look through words with patterns, some of which take time that grows with the square of their length.
    """
    for word in (found.name, *found.args):
        # No letter has more than four bytes.
        if len(word) * 4 >= _WORD_BUFFER and len(word.encode("utf-8", "replace")) >= _WORD_BUFFER:
            if found.name.endswith("_by_lua_block"):
                continue
            named = cut(found.name, 40)
            return (
                f"a word of {named} has {len(word):,} letters, and nginx reads none of {_WORD_BUFFER:,} bytes or more"
            )
    return ""


def _separated(name: str, args: list[str]) -> list[str]:
    """Return the arguments of a directive; ``location =/x`` is ``location = /x``, as nginx reads it."""
    glued = _GLUED.match(args[0]) if name == "location" and len(args) == 1 else None
    return [glued[1], args[0][glued.end() :]] if glued else list(args)


def _matches(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern.replace("[^", "[!"))


def parse_tree(root: Path, main: str = "nginx.conf", prefix: str = "", texts: Texts | None = None) -> Config:
    """Read the configuration below ``root`` as nginx, whose prefix is ``prefix``, would from ``/etc/nginx``.

    Who reads several trees gives ``texts``, empty at first, so that what is in many of them is read once.
    Never raises for what the files say: that is in ``problems``. A tree without its main file has one problem.
    """
    try:
        config = _ConfigReader(root, main, {} if texts is None else texts).config
    except FileNotFoundError:
        return Config(
            problems=[SourceProblem(main, 0, f"the release has no {main}, so nginx has nothing to start from")]
        )
    except SluiceError as error:
        return Config(problems=[SourceProblem(main, 0, str(error))])
    if not config.files:
        target = config.outside[0].args[0]
        words = f"the release has no {main}: it leads to {target}, and nginx has nothing to start from"
        return Config(outside=config.outside, problems=[SourceProblem(main, 0, words)])
    config.prefix = prefix
    return config
