"""The directives of a tree, each with its file and line.

crossplane (ngxparse on PyPI) reads single files. Includes are followed here, because an absolute include of
``/etc/nginx/…`` means the tree that is examined and not the directory of the machine that examines it.
"""

from __future__ import annotations

import fnmatch
import functools
import io
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any

import crossplane

from ..errors import SluiceError
from ..inside import LeavesTree, find_inside, paths_inside, read_inside
from ..manifest import CONF_ROOT
from .lua import read_lua_blocks

__all__ = ["CONF_ROOT", "Config", "Directive", "Problem", "parse_tree"]

read_lua_blocks()

_WILD = frozenset("*?[")
_PLAIN_COMMENT = re.compile(rb"""(?m)(?:^|(?<=[\s;{}]))#[^\n"'{}]*$""")
_PLAIN_VARIABLE = re.compile(rb"\$\{\w+\}")
_OPEN_END = re.compile(rb"(?:[^\s;{}]|\\[;{}])\s*(?:\}|\Z)")


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file of the tree, at ``line`` (0: the file as a whole)."""

    file: str
    line: int
    what: str


@dataclass(slots=True)
class Directive:
    """One directive. ``file`` is its path in the tree, ``block`` is None where there are no braces."""

    name: str
    args: list[str]
    file: str
    line: int
    block: list[Directive] | None = None

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
        return [child for child in self.block or [] if child.name == name]

    def value(self, name: str, default: str = "") -> str:
        """Tell the first argument of the first directive called ``name`` in this block."""
        for child in self.children(name):
            return child.args[0] if child.args else ""
        return default


@dataclass(eq=False)
class Config:
    """What a tree says: its directives with includes in place, the files that were read and what was wrong.

    ``barren`` are the includes of a pattern that no file matches, of which nginx says nothing. It does not change once
    it is read, so what is asked of it again and again is looked up once.
    """

    directives: list[Directive] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    outside: list[Directive] = field(default_factory=list)
    barren: list[Directive] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

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


class _Reader:
    def __init__(self, root: Path, main: str) -> None:
        self.root = root
        self.config = Config()
        self._paths = paths_inside(root)
        self._folders: dict[str, list[str]] = {}
        for path in self._paths:
            self._folders.setdefault(posixpath.dirname(path), []).append(path)
        # A file may be included by each of thousands of servers.
        self._read: dict[str, tuple[list[dict[str, Any]], list[Problem]]] = {}
        self.config.directives = self.read(main, ())
        self.config.files = list(self._read)

    def read(self, name: str, way: tuple[str, ...]) -> list[Directive]:
        """Read a file. Raises ``FileNotFoundError`` where there is none, ``SluiceError`` for what cannot be read."""
        if name not in self._read:
            try:
                self._read[name] = _rows(read_inside(self.root, name), name)
            except LeavesTree as leaves:
                self.config.outside.append(Directive("include", [leaves.target], name, 0))
                return []
        rows, problems = self._read[name]
        self.config.problems += problems
        return list(self.directives(rows, name, (*way, name)))

    def directives(self, rows: list[dict[str, Any]], name: str, way: tuple[str, ...]) -> Iterator[Directive]:
        for row in rows:
            found = Directive(row["directive"], list(row["args"]), name, int(row["line"]))
            if "block" in row and found.name != "include":
                found.block = list(self.directives(row["block"], name, way))
            if found.name == "include" and found.args:
                yield from self.include(found, way)
            else:
                yield found

    def include(self, found: Directive, way: tuple[str, ...]) -> Iterator[Directive]:
        pattern = found.args[0]
        inside = PurePosixPath(CONF_ROOT, pattern)
        if not inside.is_relative_to(CONF_ROOT) or ".." in inside.parts:
            self.config.outside.append(found)
            return
        wanted = inside.relative_to(CONF_ROOT).as_posix()
        names = self.glob(wanted) if _WILD & set(wanted) else [wanted]
        if not names:
            self.config.barren.append(found)
        for name in names:
            if name in way:
                circle = " → ".join([*way[way.index(name) :], name])
                self.config.problems.append(
                    Problem(found.file, found.line, f"include {pattern} goes in a circle: {circle}")
                )
                continue
            try:
                yield from self.read(name, way)
            except FileNotFoundError:
                self.problem(found, f"the release has no file {name}")
            except SluiceError as error:
                self.problem(found, str(error))

    def problem(self, include: Directive, what: str) -> None:
        self.config.problems.append(Problem(include.file, include.line, f"include {include.args[0]}: {what}"))

    def glob(self, pattern: str) -> list[str]:
        """Match as glob(3) does: a star stops at a slash, and hidden files are left out."""
        folder, _, last = pattern.rpartition("/")
        if _WILD & set(folder):
            return [path for path in self._paths if _matches(path.split("/"), pattern.split("/"))]
        # Each server may have a folder of its own, and a pattern in it.
        try:
            below = find_inside(self.root, folder)
        except (SluiceError, FileNotFoundError):
            return []
        names = (posixpath.basename(path) for path in self._folders.get(below, []))
        return [posixpath.join(folder, name) for name in names if _matches([name], [last])]


def _rows(content: bytes, name: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Read one file: what crossplane makes of it, and what is wrong."""
    if b"\0" in content:
        # One sentence; as nginx's words it would be a fault in every line.
        return [], [Problem(name, 0, f"{name} is binary, and nginx reads text")]
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace").read()
    payload: Mapping[str, Any] = crossplane.parse_string(
        text, filename=name, single=True, check_ctx=False, check_args=False, catch_errors=True
    )
    problems = [
        Problem(name, int(error["line"] or _lines(content)), str(error["error"]).split(" in ")[0])
        for error in payload["errors"]
    ]
    if not problems and _may_be_unterminated(content):
        problems = [Problem(name, line, words) for line, words in _unterminated(text)]
    return payload["config"][0]["parsed"], problems


def _lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _matches(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, pattern) and (pattern.startswith(".") or not part.startswith("."))
        for part, pattern in zip(parts, wanted, strict=True)
    )


def _may_be_unterminated(content: bytes) -> bool:
    """Whether a closer look is worth while: a closing brace or the end comes after something else than a semicolon or a
    brace, or there are comments that could hide it.
    """
    plain = _PLAIN_COMMENT.sub(b"", _PLAIN_VARIABLE.sub(b"x", content))
    # What is left of marks that are no plain comment or variable.
    return b"#" in plain or b"${" in plain or _OPEN_END.search(plain) is not None


def _unterminated(text: str) -> Iterator[tuple[int, str]]:
    """Find directives that end without a semicolon, which crossplane reads as if it were there."""
    words: list[tuple[str, int]] = []
    for token, line, quoted in crossplane.lex_string(text):
        if quoted or token not in ("{", "}", ";"):
            if quoted or not token.startswith("#"):
                words.append((token, line))
            continue
        if token == "}" and words:
            yield words[0][1], f'directive "{words[0][0]}" is not terminated by ";"'
        words = []
    if words:
        yield words[0][1], f'directive "{words[0][0]}" is not terminated by ";"'


def parse_tree(root: Path, main: str = "nginx.conf") -> Config:
    """Read the configuration below ``root`` as nginx would from ``/etc/nginx``.

    Never raises for what the files say: that is in ``problems``. A tree without its main file has one problem.
    """
    try:
        return _Reader(root, main).config
    except FileNotFoundError:
        return Config(problems=[Problem(main, 0, f"the release has no {main}, so nginx has nothing to start from")])
    except SluiceError as error:
        return Config(problems=[Problem(main, 0, str(error))])
