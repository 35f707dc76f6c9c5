"""Our own rules, found in the folders of ``rules`` and run on a configuration."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import NamedTuple

from ..config.parse import Config
from ..verdicts.model import Finding
from . import rules
from .context import LintContext

__all__ = ["LintFinding", "Rule", "find_rules", "read_docstring", "run_rules"]

_FIRST_VERSION = "0.1.0"


class Rule(NamedTuple):
    """One rule. ``level_when_new`` is that of a finding that the live release does not have.

    ``edits_count`` says that a finding on an edited line is new, although live has it on the line as it was.
    ``compares`` says that it needs a live release. ``accepted_by_tree`` is false where a comment in the tree must not
    accept its findings. ``topic`` is its folder, ``summary`` and ``details`` are its docstring in Markdown, ``since``
    is the first version that has it.
    """

    name: str
    topic: str
    summary: str
    details: str
    since: str
    level: str
    level_when_new: str
    accepted_by_tree: bool
    edits_count: bool
    compares: bool
    find: Callable[[Config, LintContext], Iterator[Finding]]

    def run(self, config: Config, context: LintContext) -> list[Finding]:
        """Return the findings; a file that is included at several places has its finding once."""
        return list(dict.fromkeys(self.find(config, context)))


class LintFinding(NamedTuple):
    """A finding with its rule, its level, and its level when the live release does not have it.

    ``directive`` is the name of the directive that it is at, where the finding does not show it.
    """

    rule: str
    level: str
    when_new: str
    finding: Finding
    directive: str = ""


@functools.cache
def find_rules() -> Mapping[str, Rule]:
    """Map the name of each rule to it, in the order of the names."""
    found = {}
    for module in pkgutil.walk_packages(rules.__path__, f"{rules.__name__}."):
        if not module.ispkg:
            rule = _read(importlib.import_module(module.name))
            found[rule.name] = rule
    return MappingProxyType(dict(sorted(found.items())))


def read_docstring(module: ModuleType) -> tuple[str, str]:
    """Return the first paragraph of a module's docstring, as one line, and the others; both in Markdown."""
    first, _, others = (inspect.getdoc(module) or "").replace("``", "`").partition("\n\n")
    return first.replace("\n", " "), others


def _read(module: ModuleType) -> Rule:
    topic, name = module.__name__.rsplit(".", 2)[1:]
    compare = getattr(module, "compare", None)
    return Rule(
        name,
        topic,
        *read_docstring(module),
        getattr(module, "SINCE", _FIRST_VERSION),
        module.LEVEL,
        getattr(module, "NEW", module.LEVEL),
        getattr(module, "ACCEPTED_BY_TREE", True),
        getattr(module, "EDITS_COUNT", False),
        compare is not None,
        _against_live(compare) if compare else module.run,
    )


def _against_live(
    compare: Callable[[Config, Config], Iterator[Finding]],
) -> Callable[[Config, LintContext], Iterator[Finding]]:
    def find(config: Config, context: LintContext) -> Iterator[Finding]:
        return compare(config, context.live) if context.live else iter(())

    return find


def run_rules(config: Config, context: LintContext, names: Collection[str] | None = None) -> Iterator[LintFinding]:
    """Yield the findings of every rule of our own, or of those that have ``names``."""
    for rule in find_rules().values():
        if names is not None and rule.name not in names:
            continue
        for finding in rule.run(config, context):
            yield LintFinding(rule.name, rule.level, rule.level_when_new, finding)
