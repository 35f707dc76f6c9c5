"""The finding of a rule, at the directive that shows it."""

from __future__ import annotations

from ..config.parse import Directive
from ..verdicts.model import Finding

__all__ = ["finding"]


def finding(directive: Directive, what: str, *, expected: str, fix: str, actual: str = "") -> Finding:
    """Return a finding at a directive; ``actual`` is the directive as it is written, unless something else shows it.

    Two releases have the same finding when ``what`` and ``actual`` are equal, so no line number belongs into them.
    """
    return Finding(what, directive.file, directive.line, expected=expected, actual=actual or directive.text, fix=fix)
