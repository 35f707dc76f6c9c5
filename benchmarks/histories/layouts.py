"""Where the files of a public repository lie below ``/etc/nginx``, so that its labelled changes can be replayed from a
clone.

Nobody's configuration is kept here: a layout says which files go where, what fills their placeholders, and which plain
files stand in for private ones. A stub is the same before and after a change.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
import jinja2.sandbox
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .git import Git
from .transitions import Label, Transition

__all__ = ["Layout", "Place", "of_clones", "read_layouts"]


@dataclass(frozen=True)
class Place:
    """A file or folder of the repository and where it goes; ``since`` and ``until`` are commits, until excluded."""

    source: str
    target: str
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Layout:
    """How a repository becomes a tree. ``fill`` are regular expressions and what they become, ``add`` the stubs.

    Where there are ``variables``, the files are templates that are rendered with them first; ``includes`` are the
    templates that they include, and ``prepare`` are expressions that are put in place before, as calls of functions.
    """

    clone: str
    places: Sequence[Place]
    fill: Sequence[tuple[re.Pattern[str], str]] = ()
    add: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    includes: Mapping[str, str] = field(default_factory=dict)
    prepare: Sequence[tuple[re.Pattern[str], str]] = ()

    def write(self, git: Git, commit: str, target: Path) -> int:
        """Write the tree as it was at a commit; return how many of its files come from the repository."""
        written = 0
        for place in self.places:
            if place.since and not git.contains(commit, place.since):
                continue
            if place.until and git.contains(commit, place.until):
                continue
            for name, content in git.files(commit, place.source):
                _put(target, PurePosixPath(place.target, name), self._filled(content))
                written += 1
        for path, text in self.add.items():
            _put(target, PurePosixPath(path), text.encode())
        return written

    def _filled(self, content: bytes) -> bytes:
        text = content.decode("latin-1")
        for pattern, replacement in self.prepare:
            text = pattern.sub(replacement, text)
        if self.variables:
            text = _rendered(text, self.variables, self.includes)
        for pattern, replacement in self.fill:
            text = pattern.sub(replacement, text)
        return text.encode("latin-1")


class _Named(jinja2.ChainableUndefined):
    """What no variable says: it is written as its own name, so that a tree is whole; as a condition it is false."""

    def __str__(self) -> str:
        return (self._undefined_name or "").replace("_", "-")


def _items(mapping: Mapping[str, Any], key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    return [{key_name: key, value_name: value} for key, value in mapping.items()]


def _rendered(text: str, variables: Mapping[str, Any], includes: Mapping[str, str]) -> str:
    """Render as Ansible does. The template is somebody else's, so it reaches nothing but what its layout has."""
    jinja = jinja2.sandbox.SandboxedEnvironment(
        loader=jinja2.DictLoader(includes), undefined=_Named, trim_blocks=True, keep_trailing_newline=True
    )
    jinja.filters |= {"bool": bool, "dict2items": _items, "split": str.split, "basename": posixpath.basename}
    jinja.filters["regex_escape"] = re.escape
    try:
        return jinja.from_string(text).render(variables)
    except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise SluiceError(
            f"a template cannot be rendered: {error}; expected one that its layout has variables for"
        ) from error


def _put(folder: Path, path: PurePosixPath, content: bytes) -> None:
    if path.is_absolute() or ".." in path.parts:
        raise SluiceError(f"{path} is not below /etc/nginx; expected a relative path")
    where = folder / path
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content)


def read_layouts(path: Path) -> dict[str, Layout]:
    """Read the layouts of repositories by their name. Raises ``SluiceError`` for what is none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: _layout(name, row) for name, row in found.items()}
    except (OSError, yaml.YAMLError, re.error, AttributeError, KeyError, TypeError, ValueError) as error:
        expected = "expected: by repository, places (source, target), fill, add and variables"
        raise SluiceError(f"{path} has no layouts: {error}; {expected}") from error


def _layout(name: str, row: Mapping[str, Any]) -> Layout:
    return Layout(
        row.get("clone", name),
        [Place(**place) for place in row["places"]],
        _patterns(row.get("fill", {})),
        row.get("add", {}),
        row.get("variables", {}),
        row.get("includes", {}),
        _patterns(row.get("prepare", {})),
    )


def _patterns(rows: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern, re.MULTILINE), text) for pattern, text in rows.items()]


def of_clones(folder: Path, labels: Sequence[Label], layouts: Mapping[str, Layout], work: Path) -> Iterator[Transition]:
    """Yield the labelled transitions, written below ``work`` from the clones ``FOLDER/REPOSITORY``."""
    for each in labels:
        layout = layouts.get(each.repository)
        if layout is None:
            raise SluiceError(f"{each.repository} has labels and no layout; expected it among {', '.join(layouts)}")
        git, trees = Git(folder / layout.clone), work / each.repository / each.commit
        if not layout.write(git, f"{each.commit}^", trees / "live"):
            raise SluiceError(
                f"{each.repository} {each.commit}: nothing was there before; expected a change, not a start"
            )
        layout.write(git, each.commit, trees / "cand")
        yield Transition(*each, trees / "live", trees / "cand")
