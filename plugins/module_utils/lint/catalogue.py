"""Our own rules, found in the folders of ``rules`` and asked of a configuration."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from ..config.parse import Config
from ..verdicts.model import Finding
from . import rules
from .context import Context

__all__ = ["Said", "ask", "find_rules", "not_accepted_by_tree"]


class Said(NamedTuple):
    """What a rule says. ``level`` is the weight of the finding; ``when_new`` is that of one that live has not."""

    rule: str
    level: str
    when_new: str
    finding: Finding


def find_rules() -> dict[str, ModuleType]:
    """Map the name of each rule to its module, in the order of the names."""
    found = {}
    for module in pkgutil.walk_packages(rules.__path__, f"{rules.__name__}."):
        if not module.ispkg:
            found[module.name.rpartition(".")[2]] = importlib.import_module(module.name)
    return dict(sorted(found.items()))


def not_accepted_by_tree() -> frozenset[str]:
    """Name the rules whose findings no comment in the tree accepts: they say what the tree alone must not bring."""
    return frozenset(name for name, rule in find_rules().items() if not getattr(rule, "ACCEPTED_BY_TREE", True))


def ask(config: Config, context: Context) -> Iterator[Said]:
    """Ask every rule of our own."""
    for name, rule in find_rules().items():
        # A file that is included at several places has its finding once.
        for finding in dict.fromkeys(rule.run(config, context)):
            yield Said(name, rule.LEVEL, getattr(rule, "NEW", rule.LEVEL), finding)
