"""Paths of a host's file system, as far as rules distinguish them."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

__all__ = ["begins_with_visitor", "fixed_part", "is_below", "is_hidden"]

# What a request contains; a variable of another name may come from a map, whose rows are fixed.
_OF_VISITOR = re.compile(r"\$\{?(?:arg_|http_|cookie_|uri\b|document_uri\b|request|args\b|query_string\b|host\b|\d)")


def begins_with_visitor(path: str) -> bool:
    """Return whether a path begins with what a visitor sends, as ``$arg_file``."""
    return _OF_VISITOR.match(path) is not None


def fixed_part(path: str) -> str:
    """Return the folder of a path that variables cannot change, without ``..``: ``/var/log`` of ``/var/log/$host.log``.

    ``/`` where nothing is fixed.
    """
    fixed, variable, _ = path.partition("$")
    return posixpath.normpath(posixpath.dirname(fixed) if variable else fixed).replace("//", "/")


def is_below(path: str, folders: tuple[str, ...]) -> bool:
    """Return whether ``path`` is one of ``folders``, or lies below one."""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def is_hidden(path: str) -> bool:
    """Return whether a part of ``path`` begins with a dot, as ``.ssh``; ``.well-known`` is for everybody."""
    return any(part.startswith(".") and part != ".well-known" for part in PurePosixPath(path).parts)
