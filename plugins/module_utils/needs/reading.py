"""Reads a configuration and says what its lines require of the machine around it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import replace
from pathlib import PurePosixPath
from types import TracebackType

from ..config.parse import CONF_ROOT, Config, Directive, SourceProblem
from .model import Need
from .parts.certificates import certificate_needs
from .parts.endpoints import endpoint_needs
from .parts.files import file_needs
from .parts.listeners import listener_needs, machine_needs
from .parts.pages import page_needs
from .parts.scope import Scoped, Scopes

__all__ = ["needs_by_line", "needs_of", "read_needs"]

_PARTS = (endpoint_needs, listener_needs, machine_needs, certificate_needs, file_needs, page_needs)


def needs_of(config: Config, provided: Collection[str]) -> tuple[Need, ...]:
    """List the needs of ``config`` in the order of its lines; ``provided`` are absolute paths that the tree brings.

    The directories of these are brought as well. What several lines require is told once, with the first of them; a
    certificate that several servers use has the names of them all.
    """
    scopes = Scopes(config)
    order = {id(scoped.directive): index for index, scoped in enumerate(scopes.all)}
    place = {(each.directive.file, each.directive.line): order[id(each.directive)] for each in reversed(scopes.all)}
    files, folders = frozenset(provided), _folders(provided)
    found = sorted(
        (need for part in _PARTS for need in part(scopes) if not _is_brought(need, files, folders)),
        key=lambda need: place.get((need.file, need.line), -1),
    )
    first: dict[tuple[str, str], Need] = {}
    names: dict[tuple[str, str], dict[str, None]] = {}
    only_rsa = {need.key for need in found if need.only_rsa}
    for need in found:
        first.setdefault(need.key, need)
        if need.names:
            names.setdefault(need.key, {}).update(dict.fromkeys(need.names))
    return tuple(
        replace(need, names=tuple(names.get(key, ())), only_rsa=key in only_rsa) for key, need in first.items()
    )


def needs_by_line(config: Config) -> dict[tuple[str, int, str], list[Need]]:
    """Return all needs by file, line and directive, whoever meets them; what several lines need is there for each."""
    found: dict[tuple[str, int, str], list[Need]] = {}
    scopes = Scopes(config)
    for part in _PARTS:
        for need in part(scopes):
            found.setdefault((need.file, need.line, need.directive), []).append(need)
    return found


def _is_brought(need: Need, files: Collection[str], folders: Collection[str]) -> bool:
    return need.value in files or (need.kind == "directory" and posixpath.normpath(need.value) in folders)


def _folders(paths: Collection[str]) -> set[str]:
    """Return the directories below ``/etc/nginx`` that the paths are in."""
    near = {path.rpartition("/")[0] for path in paths}
    every = {str(each) for folder in near for each in (PurePosixPath(folder), *PurePosixPath(folder).parents)}
    return {each for each in every if PurePosixPath(each).is_relative_to(CONF_ROOT)}


def read_needs(config: Config, provided: Collection[str]) -> tuple[Need, ...]:
    """Return the needs as ``needs_of`` does; a fault on the way becomes a problem of ``config``, and there are none."""
    try:
        return needs_of(config, provided)
    except Exception as error:  # a line that nobody thought of stops at a gate, with its place
        at = _place(error.__traceback__)
        words = f"Sluice cannot read what this needs ({type(error).__name__}: {error}); write it in another way"
        config.problems.append(SourceProblem(at.file, at.line, words) if at else SourceProblem("nginx.conf", 0, words))
        return ()


def _place(trace: TracebackType | None) -> Directive | None:
    """Return the directive that was read where an error was raised."""
    found: Directive | None = None
    while trace is not None:
        for value in trace.tb_frame.f_locals.values():
            if isinstance(value, Directive | Scoped):
                found = value if isinstance(value, Directive) else value.directive
        trace = trace.tb_next
    return found
