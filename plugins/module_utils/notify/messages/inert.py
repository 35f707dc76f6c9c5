"""Text of others in a message: services of messages read mentions and links out of it, and find none."""

from __future__ import annotations

import re

from ...untrusted import printable

__all__ = ["BREAK", "inert"]

BREAK = "\u200b"
"""Stands, unseen, between a sign and what it would call."""

# As @everyone, <!channel>, <@U123>, <https://…|here>, [here](https://…).
_SIGNS = re.compile(r"@(?=\S)|<(?=[!@#&/A-Za-z])|\](?=[(\[])")


def inert(text: str) -> str:
    """Return one line that calls nobody and hides no address behind other words."""
    return _SIGNS.sub(lambda sign: sign[0] + BREAK, printable(text))
