"""The two ways to write an expected text: as it is, or as ``/regex/``."""

from __future__ import annotations

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Pattern

__all__ = ["regex"]

_SPECIAL = frozenset("^$*+?()[]{}|\\")


def regex(text: str, *, path: bool = False) -> Pattern[str] | None:
    """Compile ``text`` where it is written ``/regex/``, and return None where it stands for itself.

    Where a path is expected (``path``), ``/new/`` is that very page: only a special character makes it a regex.
    Otherwise a promise of ``/new/`` would be kept by ``/newer`` as well. Raises ``ValueError``.
    """
    inside = text[1:-1]
    if len(text) < 2 or text[0] != "/" or text[-1] != "/" or (path and _SPECIAL.isdisjoint(inside)):
        return None
    # Here, as most contracts have none.
    import re

    try:
        return re.compile(inside)
    except re.error as error:
        raise ValueError(str(error)) from error
