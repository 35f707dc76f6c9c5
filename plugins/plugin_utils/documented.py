"""What the documentation of a module says of its options, which is the argument spec of the action of its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

__all__ = ["documented_options"]

_PLUGINS = "ansible_collections.sluice.nginx.plugins"


def documented_options(module: str) -> Mapping[str, dict[str, Any]]:
    """Return the options that a module of the collection documents, by their names: first those of the documentation
    fragments that it extends, as ``ansible-doc`` joins them.
    """
    documented = yaml_load(importlib.import_module(f"{_PLUGINS}.modules.{module}").DOCUMENTATION)
    found: dict[str, dict[str, Any]] = {}
    for name in documented.get("extends_documentation_fragment", []):
        fragment = importlib.import_module(f"{_PLUGINS}.doc_fragments.{name.rpartition('.')[2]}")
        found.update(yaml_load(fragment.ModuleDocFragment.DOCUMENTATION).get("options") or {})
    return {**found, **(documented.get("options") or {})}
