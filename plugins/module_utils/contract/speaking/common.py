"""What all protocols have in common: the libraries, and how an answer is told."""

from __future__ import annotations

import glob
import importlib
import os
import sys
import sysconfig
from typing import Any, NamedTuple, Sequence

from ...errors import SluiceError
from ...untrusted import whole_number

__all__ = ["Heard", "Untested", "excerpt", "library", "status_of"]

_EXCERPT = 200
# Where distributions have the packages that Python finds by itself, when it is not told to look at none.
_DISTRIBUTION = "/usr/lib/python3/dist-packages"
# What sluice.nginx.protocols has brought: wheels of plain Python, which need not be unpacked.
_WHEELS = "/usr/local/lib/sluice/wheels/*.whl"
_BROUGHT = ("h2",)


class Untested(SluiceError):
    """A check that cannot be asked here; the text says why."""


class Heard(NamedTuple):
    """What came back, and what is wrong with it, in words."""

    status: int | None
    body: bytes
    problems: Sequence[str]


def library(name: str, package: str, protocol: str) -> Any:
    """Import a library that is not Python's own. Raises ``Untested`` where there is none.

    The engine and the agents of staging run without the packages of the machine, so these are looked at last.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        pass
    known = sysconfig.get_paths()
    for path in (known["purelib"], known["platlib"], _DISTRIBUTION, *sorted(glob.glob(_WHEELS))):
        if path not in sys.path and os.path.exists(path):
            sys.path.append(path)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        wanted = name.partition(".")[0]
        missing = f"{protocol} cannot be asked for here: Python has no {wanted}"
        ways = f"Debian's package is {package}" + ("; sluice.nginx.protocols brings it" if wanted in _BROUGHT else "")
        raise Untested(f"{missing} ({ways}): {error}") from error


def status_of(text: str) -> int:
    """Return the status of an answer. Raises ``ValueError`` for what is none: a number may have thousands of digits."""
    status = whole_number(text)
    if status is None or not 100 <= status <= 999:
        raise ValueError(f"{text[:20]!r} is no status")
    return status


def excerpt(body: bytes) -> str:
    """Return the beginning of what came, printable and on one line, at most 200 characters."""
    start = body[: 4 * _EXCERPT].decode("utf-8", "replace")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"
