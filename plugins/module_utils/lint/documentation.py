"""Where the pages of docs/lint are published, and the description of a rule for SARIF."""

from __future__ import annotations

from typing import Any

from .catalogue import find_rules

__all__ = ["DOCUMENTATION", "describe_rule"]

DOCUMENTATION = ""
"""The URL of docs/, as ``documentation`` of galaxy.yml has it; empty as long as it is published nowhere."""


def describe_rule(name: str, documentation: str = DOCUMENTATION) -> dict[str, Any]:
    """Return description, help and, where ``documentation`` is known, the page of a rule; nothing for gixy-ng's."""
    rule = find_rules().get(name)
    if rule is None:
        return {}
    page = {"helpUri": f"{documentation.rstrip('/')}/lint/{name}.md"} if documentation else {}
    text = f"{rule.summary}\n\n{rule.details}"
    return {"shortDescription": {"text": rule.summary}, "help": {"text": text, "markdown": text}, **page}
