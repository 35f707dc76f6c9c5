"""What came back over protocols without a form of their own, held to what is expected of it."""

from __future__ import annotations

from ..answer import text_problem
from ..model import Expect
from .common import excerpt

__all__ = ["holds", "reply_problems"]

_SHOWN = 40


def holds(expect: Expect, heard: bytes) -> bool:
    """Return whether nothing more has to be heard: what is expected is there."""
    return not reply_problems(expect, heard)


def reply_problems(expect: Expect, heard: bytes) -> list[str]:
    """Return what is wrong with what was heard, in words."""
    problems = []
    if expect.reply is not None:
        text = heard.decode("utf-8", "replace")
        problems += text_problem(expect.reply, text, "the answer", excerpt(heard) or "nothing")
    if expect.reply_hex is not None and bytes.fromhex(expect.reply_hex) not in heard:
        got = heard[:_SHOWN].hex() + ("…" if len(heard) > _SHOWN else "")
        problems.append(f"expected the answer to contain the bytes {expect.reply_hex}, got {got or 'none'}")
    return problems
