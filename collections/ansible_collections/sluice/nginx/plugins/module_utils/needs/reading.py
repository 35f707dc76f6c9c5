"""Reads a configuration and says what its lines require of the machine around it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..config.parse import Config
from .model import Need
from .parts.certificates import certificate_needs
from .parts.endpoints import endpoint_needs
from .parts.files import file_needs
from .parts.listeners import listener_needs, machine_needs
from .parts.pages import page_needs
from .parts.scope import Scopes

__all__ = ["needs_of"]

_PARTS = (endpoint_needs, listener_needs, machine_needs, certificate_needs, file_needs, page_needs)


def needs_of(config: Config, provided: Collection[str]) -> tuple[Need, ...]:
    """List the needs of ``config`` in the order of its lines; ``provided`` are absolute paths that the tree brings.

    What several lines require is told once, with the first of them; a certificate that several servers use has the
    names of them all.
    """
    scopes = Scopes(config)
    order = {id(scoped.directive): index for index, scoped in enumerate(scopes.all)}
    place = {(each.directive.file, each.directive.line): order[id(each.directive)] for each in reversed(scopes.all)}
    found = sorted(
        (need for part in _PARTS for need in part(scopes) if need.value not in provided),
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
