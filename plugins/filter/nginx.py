"""Filters that print nginx's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.sites.printing import directives as printing

__all__ = ["FilterModule"]


def nginx_quote(value: object) -> str:
    """Quote one argument of a directive."""
    try:
        return printing.quote(value)
    except SluiceError as error:
        raise AnsibleFilterError(str(error)) from error


def directives(rows: Iterable[Sequence[object]]) -> str:
    """Print rows of a directive and its arguments, one a line."""
    try:
        return printing.directives(rows)
    except SluiceError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filters' names in templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return each filter by its short name."""
        return {"nginx_quote": nginx_quote, "directives": directives}
