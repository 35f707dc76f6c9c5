"""The directives of a tree, each with its file and line.

crossplane (ngxparse on PyPI) reads single files. Includes are followed here, because an absolute include of
``/etc/nginx/…`` means the tree that is examined and not the directory of the machine that examines it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import crossplane

from .lua import read_lua_blocks

__all__ = ["CONF_ROOT", "Config", "Directive", "Problem", "parse_tree"]

read_lua_blocks()

CONF_ROOT = "/etc/nginx"
_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file of the tree, at ``line`` (0: the file as a whole)."""

    file: str
    line: int
    what: str


@dataclass
class Directive:
    """One directive. ``file`` is its path in the tree, ``block`` is None where there are no braces."""

    name: str
    args: list[str]
    file: str
    line: int
    block: list[Directive] | None = None

    def walk(self) -> Iterator[Directive]:
        """Yield this directive and everything below it, in order."""
        yield self
        for child in self.block or []:
            yield from child.walk()

    def children(self, name: str) -> list[Directive]:
        """List the directives called ``name`` directly in this block."""
        return [child for child in self.block or [] if child.name == name]

    def value(self, name: str, default: str = "") -> str:
        """Tell the first argument of the first directive called ``name`` in this block."""
        for child in self.children(name):
            return child.args[0] if child.args else ""
        return default


@dataclass
class Config:
    """What a tree says: its directives with includes in place, the files that were read and what was wrong.

    ``barren`` are the includes of a pattern that no file matches, of which nginx says nothing.
    """

    directives: list[Directive] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    outside: list[Directive] = field(default_factory=list)
    barren: list[Directive] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def walk(self) -> Iterator[Directive]:
        """Yield every directive, in order."""
        for directive in self.directives:
            yield from directive.walk()

    def named(self, *names: str) -> list[Directive]:
        """List every directive, at any depth, that has one of these names."""
        return [directive for directive in self.walk() if directive.name in names]

    def http(self) -> Iterator[Directive]:
        """Yield the directives directly in ``http``."""
        for block in self.directives:
            if block.name == "http":
                yield from block.block or []

    def servers(self) -> list[Directive]:
        """List the ``server`` blocks of ``http``."""
        return [directive for directive in self.http() if directive.name == "server" and directive.block is not None]


class _Reader:
    def __init__(self, root: Path, main: str) -> None:
        self.root = root
        self.config = Config()
        self._paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
        self.config.directives = self.read(main, ())

    def read(self, name: str, way: tuple[str, ...]) -> list[Directive]:
        path = self.root / name
        if self.leaves(path):
            return self.outside(name)
        if name not in self.config.files:
            self.config.files.append(name)
        if b"\0" in path.read_bytes():
            # One sentence; as nginx's words it would be a fault in every line.
            self.config.problems.append(Problem(name, 0, f"{name} is binary, and nginx reads text"))
            return []
        payload: Mapping[str, Any] = crossplane.parse(
            str(path), single=True, check_ctx=False, check_args=False, catch_errors=True
        )
        errors = payload["errors"]
        for error in errors:
            words = str(error["error"]).split(" in ")[0]
            self.config.problems.append(Problem(name, int(error["line"] or _lines(path)), words))
        if not errors:
            self.config.problems += [Problem(name, line, words) for line, words in _unterminated(path)]
        rows = payload["config"][0]["parsed"]
        return list(self.directives(rows, name, (*way, name)))

    def leaves(self, path: Path) -> bool:
        """Whether a link leads out of the tree. ``Path.resolve`` would raise for links in a circle."""
        return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def outside(self, name: str) -> list[Directive]:
        target = os.readlink(self.root / name)
        self.config.outside.append(Directive("include", [target], name, 0))
        return []

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
            path = self.root / name
            if path.is_dir() or not (path.exists() or self.leaves(path)):
                self.config.problems.append(
                    Problem(found.file, found.line, f"include {pattern}: the release has no file {name}")
                )
                continue
            if name in way:
                circle = " → ".join([*way[way.index(name) :], name])
                self.config.problems.append(
                    Problem(found.file, found.line, f"include {pattern} goes in a circle: {circle}")
                )
                continue
            yield from self.read(name, way)

    def glob(self, pattern: str) -> list[str]:
        """Match as glob(3) does: a star stops at a slash, and hidden files are left out."""
        wanted = pattern.split("/")
        return [path for path in self._paths if _matches(path.split("/"), wanted)]


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


def _matches(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, pattern) and (pattern.startswith(".") or not part.startswith("."))
        for part, pattern in zip(parts, wanted, strict=True)
    )


def _unterminated(path: Path) -> Iterator[tuple[int, str]]:
    """Find directives that end without a semicolon, which crossplane reads as if it were there."""
    words: list[tuple[str, int]] = []
    for token, line, quoted in crossplane.lex(str(path)):
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
    if not (root / main).is_file():
        return Config(problems=[Problem(main, 0, f"the release has no {main}, so nginx has nothing to start from")])
    return _Reader(root, main).config
