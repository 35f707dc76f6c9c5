"""The way of texts to the terminal, from which a service that runs a job reads its commands, too."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import sys
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import printable

__all__ = ["in_ci", "printable_text", "show", "show_cleared", "show_text", "unbuffered", "warn"]

# How the commands of GitHub's, and of Azure's, TeamCity's and similar services begin: a line, and anywhere in one.
_BEGINNING, _ANYWHERE = "::", re.compile(r"#(?=#\w*\[)")
_SERVICES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


def printable_text(text: object, door: Redactor | None = None) -> str:
    """Return a text of several lines as it may be printed, and as a result may carry it."""
    shown = (door or Redactor()).text(text)
    return "\n".join(map(_inert, shown.split("\n"))) if in_ci() else shown


def show(display: Any, text: object, door: Redactor | None = None, color: str | None = None) -> None:
    """Print one line, whatever ends of lines are in it."""
    line = (door or Redactor()).line(text)
    _print(display, _inert(line) if in_ci() else line, color)


def warn(display: Any, text: object, door: Redactor | None = None) -> None:
    """Print a warning, in one line."""
    line = (door or Redactor()).line(text)
    display.warning(_inert(line) if in_ci() else line)


def show_text(display: Any, text: object, door: Redactor | None = None, color: str | None = None) -> None:
    """Print a text of several lines; on GitHub with its commands off meanwhile."""
    _show_lines(display, printable_text(text, door), color)


def show_cleared(display: Any, text: str) -> None:
    """Print a text of several lines that is made of data which has passed the door: ids in it stay whole."""
    lines = (printable(line, "\t") for line in text.split("\n"))
    _show_lines(display, "\n".join(map(_inert, lines) if in_ci() else lines), None)


def _show_lines(display: Any, text: str, color: str | None) -> None:
    stopped = os.environ.get("GITHUB_ACTIONS") == "true"
    # Nobody can guess what ends it.
    token = secrets.token_hex(16)
    if stopped:
        display.display(f"::stop-commands::{token}")
    _print(display, text, color)
    if stopped:
        display.display(f"::{token}::")


def _print(display: Any, text: str, color: str | None) -> None:
    if color:
        display.display(text, color=color)
    else:
        display.display(text)


def unbuffered() -> None:
    """Have this process print each line when it is known; in a pipe, Python keeps some thousand letters back."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(io.UnsupportedOperation):
            sys.stdout.reconfigure(line_buffering=True)


def in_ci() -> bool:
    """Return whether a service runs this job."""
    return any(os.environ.get(name) for name in _SERVICES)


def _inert(line: str) -> str:
    """Return a line that is no command; an escape stands for its first sign."""
    line = _ANYWHERE.sub(r"\\x23", line)
    bare = line.lstrip()
    return line[: len(line) - len(bare)] + "\\x3a" + bare[1:] if bare.startswith(_BEGINNING) else line
