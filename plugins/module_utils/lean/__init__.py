"""What the engine uses in the place of parts of the standard library whose import costs a host as much as an operation
does itself: ``re`` and all that loads it, ``pathlib``, ``contextlib``, ``typing``, ``subprocess``.

For type checkers these are the originals, and each does what the original does, as far as the engine needs it. No
module that is shipped to hosts imports ``typing`` while it runs: what annotations need stands below ``if
TYPE_CHECKING``.
"""

from __future__ import annotations

__all__ = [
    "TYPE_CHECKING",
    "NamedTuple",
    "Path",
    "Protocol",
    "TypedDict",
    "contextmanager",
    "json",
    "sha256",
    "suppress",
]

TYPE_CHECKING = False

if TYPE_CHECKING:
    import json
    from contextlib import contextmanager, suppress
    from hashlib import sha256
    from pathlib import Path
    from typing import NamedTuple, Protocol, TypedDict
else:
    from . import jsons as json
    from .classes import NamedTuple
    from .managers import contextmanager, suppress
    from .paths import Path

    Protocol = object
    TypedDict = dict

    # CPython's own, whose name its versions change; hashlib would load all of OpenSSL for it.
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
