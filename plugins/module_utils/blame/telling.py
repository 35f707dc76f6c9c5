"""The blame as a person reads it."""

from __future__ import annotations

from ..words import count
from .model import Blame, Guilt, Place

__all__ = ["blame_text"]

_MOST_WORDS = 110


def blame_text(blame: Blame | None) -> str:
    """Who is guilty, with the lines as a diff; nothing where nobody has looked."""
    if blame is None or not (blame.guilty or blame.note):
        return ""
    parts = [_guilt(guilt, blame) for guilt in blame.guilty]
    parts += [f"    {blame.note}"] if blame.note else []
    tried = f"{count(blame.edits, 'edit')}, {count(blame.tried, 'trial')}, {blame.seconds:.1f} s"
    return "\n".join([f"whose line it is ({tried})", *parts])


def _guilt(guilt: Guilt, blame: Blame) -> str:
    gate, whats = next(iter(guilt.fails.items()))
    more = sum(map(len, guilt.fails.values())) - 1
    lines = [f"  {gate}: {_cut(whats[0])}" + (f" (and {more} more)" if more else "")]
    if not guilt.places:
        lines.append("    no smaller part of the change was found that fails so")
    elif not guilt.sure:
        lines.append("    the smallest part of the change that is known to fail so:")
    elif len(guilt.places) + guilt.more > 1:
        lines.append(f"    these {len(guilt.places) + guilt.more} parts of the change are guilty together:")
    lines += [_place(place) for place in guilt.places]
    lines += [f"    and {count(guilt.more, 'more part')}; {count(blame.edits, 'edit')} in all"] if guilt.more else []
    if guilt.heals is False and guilt.sure:
        lines.append("    without it the rest of the change fails so as well")
    return "\n".join(lines)


def _place(place: Place) -> str:
    where = f"{place.file}:{place.line}" if place.line else place.file
    made = ", ".join(part for part in (place.origin, place.variable) if part)
    lines = [f"    {where} ({made})" if made else f"    {where}"]
    lines += [f"    - {line.strip()}" for line in place.old]
    lines += [f"    + {line.strip()}" for line in place.new]
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else f"{text[: _MOST_WORDS - 1]}…"
