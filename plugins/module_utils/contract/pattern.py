"""The two ways to write an expected text: as it is, or as ``/regex/``."""

from __future__ import annotations

import re
from typing import Pattern

from ..errors import SluiceError

__all__ = ["GaveUp", "regex"]

_SPECIAL = frozenset("^$*+?()[]{}|\\")
# In letters.
_LONGEST = 1000


class GaveUp(SluiceError):
    """A pattern was not tried to its end; the text says why."""


def regex(text: str, *, path: bool = False) -> Pattern[str] | None:
    """Compile ``text`` where it is written ``/regex/``, and return None where it stands for itself.

    Where a path is expected (``path``), ``/new/`` is that very page: only a special character makes it a regex.
    Otherwise a promise of ``/new/`` would be kept by ``/newer`` as well. Raises ``ValueError``.

    What it returns is not to be tried but by ``matching.search``: a pattern may take years.
    """
    inside = text[1:-1]
    if len(text) < 2 or text[0] != "/" or text[-1] != "/" or (path and _SPECIAL.isdisjoint(inside)):
        return None
    if len(inside) > _LONGEST:
        raise ValueError(f"it has {len(inside)} characters, at most {_LONGEST} are read")
    try:
        return re.compile(inside)
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError:
        raise ValueError("its groups lie too deep in each other") from None
