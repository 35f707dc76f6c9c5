"""The modes of a release's files: who may read them on a host.

There are three kinds. Most files are readable for all (0644). What is secret, by what is in it, by the directive that
names it, by its own name, or because the checkout has closed it to others, is readable for root and for nginx's group
(0640), since workers read lists of passwords and keys that variables name. What only the master reads, as the key of
``ssl_certificate_key``, is readable for root alone (0600). One that may be executed stays so.

An id must not depend on the umask of a checkout, and git knows no modes but the executable bit. So the mode of a file
counts only as an exception: where most files of a tree are readable for others, one that is not was closed by somebody.
Where most are not, the umask was such, and content, directives and names alone decide.
"""

from __future__ import annotations

import functools
import stat
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..manifest import CONF_ROOT
from ..secrets import (
    KEY_DIRECTIVES,
    PASSWORD_DIRECTIVES,
    Named,
    closed_paths,
    find_named,
    has_secret_name,
    is_secret_content,
    resolve_named,
)

if TYPE_CHECKING:
    from .tree import Node, Tree

__all__ = ["close_secrets", "keep_closed", "secret_files"]

_GROUP, _OWNER = 0o750, 0o700

# Many variants have the same files.
_is_secret = functools.lru_cache(maxsize=1024)(is_secret_content)


@functools.lru_cache(maxsize=1024)
def _named(data: bytes) -> tuple[Named, ...]:
    return tuple(find_named((*KEY_DIRECTIVES, *PASSWORD_DIRECTIVES), data))


def keep_closed(layer: Tree, modes: Mapping[str, int]) -> Tree:
    """Return a layer whose files are closed to others where those of the checkout are, as an exception.

    ``modes`` are the permissions of its files and folders (``conf.d/``), as of ``closed_paths``.
    """
    closed = closed_paths(modes)
    return {path: _narrowed(node, _GROUP) if path in closed else node for path, node in layer.items()}


def close_secrets(tree: Tree) -> Tree:
    """Return a tree in which what is secret has the mode of its kind."""
    secret = secret_files(tree)
    closed = {path for path, node in tree.items() if node.kind == "file" and not node.mode & stat.S_IROTH}
    for_master = {path for path, why in secret.items() if why == _MASTER}
    return {
        path: _narrowed(node, _OWNER if path in for_master else _GROUP) if path in secret or path in closed else node
        for path, node in tree.items()
    }


_MASTER = "a directive names it as a private key, or as the password of one"
_WORKERS = "a directive names it as a list of passwords or keys"
_CONTENT = "it holds a key or passwords, or is called as such a file is"


def secret_files(tree: Tree) -> dict[str, str]:
    """Return the files of a tree that are secret whatever their mode is, and why, in words."""
    files = {path: node.data for path, node in tree.items() if node.kind == "file"}
    links = {path: node.data.decode(errors="surrogateescape") for path, node in tree.items() if node.kind == "link"}
    found = {path: _CONTENT for path, data in files.items() if _is_secret(data) or has_secret_name(path)}
    named = {each for data in files.values() for each in _named(data)}
    # With a variable in its name, a key is read by workers, for each connection.
    master = {each for each in named if each.directive in KEY_DIRECTIVES and not each.is_pattern}
    for those, why in ((master, _MASTER), (named - master, _WORKERS)):
        found |= dict.fromkeys(resolve_named(those, files, CONF_ROOT, links), why)
    return found


def _narrowed(node: Node, most: int) -> Node:
    return replace(node, mode=node.mode & most)
