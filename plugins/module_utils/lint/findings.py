"""The finding of a rule, at the directive that shows it."""

from __future__ import annotations

from ..config.parse import Directive
from ..verdicts.model import Finding

__all__ = ["finding"]


def finding(directive: Directive, what: str, *, expected: str, fix: str, seen: str = "") -> Finding:
    """Return a finding at a directive; ``seen`` is the directive as it is written, unless something else shows it.

    Two releases have the same finding when ``what`` and ``seen`` are equal, so no line number belongs into them.
    """
    return Finding(what, directive.file, directive.line, expected=expected, seen=seen or directive.text, mend=fix)
